/* Which of a run's calls reuse what the UNet's deep part gave before (models/unet_cache.h). */
#ifndef DR_TRYON_STEP_CACHE_H
#define DR_TRYON_STEP_CACHE_H

#include "models/unet_cache.h"

typedef struct dr_step_plan {
    int interval;      /* every how many calls one is computed whole; at most 1: all are */
    int branch;        /* the cache's */
    double start, end; /* in parts of the run's calls: those outside are whole; 0 and 1 leave all in */
    double threshold;  /* calls whose prediction would change by less are not made (tryon/step_skip.h); 0: all are */
} dr_step_plan;

/* One run's. */
typedef struct dr_step_cache {
    dr_step_plan plan;
    dr_unet_cache unet[2]; /* guidance's halves where each is a call of its own: without, with the condition; a run that
                              calls for both at once has the first for both */
    int halves;            /* that the last whole call was made of; 0: there was none */
    int reused;            /* calls since then */
    bool reuse;            /* this call */
} dr_step_cache;

/** `plan` for a UNet of `skips` skip connections: DR_EINVAL if its branch is none of them, or calls are to be
 *  skipped and to reuse a part, too. */
dr_status dr_step_plan_check(const dr_step_plan *plan, int skips);

void dr_step_cache_begin(dr_step_cache *c, const dr_step_plan *plan);
void dr_step_cache_end(dr_step_cache *c);

/** Call i of `calls` comes, with that many of guidance's halves: both are whole, or none. Guidance multiplies their
 *  difference, and with it what one of them would be behind the other. */
void dr_step_cache_next(dr_step_cache *c, int i, int calls, int halves);

/** What half `half` of this call is made with; NULL where the plan is to cache nothing. */
dr_unet_cache *dr_step_cache_of(dr_step_cache *c, int half);

#endif
