/* Which of a run's calls are not made at all, because the prediction would hardly change.
 *
 * The rule is EasyCache's (Zhou et al. 2025, arXiv:2507.02860): between calls of the model the relative change of its
 * output is estimated as k |x - x'| / |y|, where x' is the input of the call before, y the last output, and k the ratio
 * |y - y'| / |x - x'| of the last two calls that were made (norms: sums of absolute values). Estimates are added up;
 * while the sum is below a threshold, the call is skipped. The first three calls and the last one are made in any case.
 *
 * Where the paper adds the input's change to the last output, as suits its flow models, a prediction is carried on here
 * as if picture and noise stayed as they were last seen: x = a x0 + s e at each timestep, with a and s the schedule's.
 * So a predicted noise stays what it is, and v turns with the input. What is carried on is guidance's result. */
#ifndef DR_TRYON_STEP_SKIP_H
#define DR_TRYON_STEP_SKIP_H

#include "diffusion/schedule.h"
#include "tryon/step_cache.h"

/* One run's. */
typedef struct dr_step_skip {
    dr_step_plan plan;
    const dr_schedule *schedule;
    size_t n;
    float *x, *y;       /* of the last call that was made: its input, and the guided prediction */
    float *before;      /* the input of the call before this one, made or not */
    float timestep;     /* x's */
    bool guided;        /* y is */
    double ratio, size; /* k, |y| */
    double change;      /* estimated since then */
    int made, skipped;
} dr_step_skip;

/** For predictions of n values; `schedule` is borrowed. DR_ENOMEM. */
dr_status dr_step_skip_begin(dr_step_skip *s, const dr_step_plan *plan, const dr_schedule *schedule, size_t n);
void dr_step_skip_end(dr_step_skip *s);

/** Call i of `calls` comes. True: y is what it would give, as far as can be told, and need not be computed. False:
 *  dr_step_skip_keep() is to follow.
 *
 * @param x       [n], scaled as the model takes it
 * @param guided  whether the call is; what guidance gave does not stand for a call without, nor the other way round
 */
bool dr_step_skip_next(dr_step_skip *s, int i, int calls, const float *x, float timestep, bool guided, float *y);

/** The call was made: y [n] is its prediction, after guidance. */
void dr_step_skip_keep(dr_step_skip *s, const float *x, float timestep, bool guided, const float *y);

#endif
