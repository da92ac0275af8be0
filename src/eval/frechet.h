/* The squared Frechet distance of two Gaussians, which are those of features that come one by one: mean and covariance
 * run along in double, and nothing grows with their number. Dowson & Landau 1982; Heusel et al. 2017. */
#ifndef DR_EVAL_FRECHET_H
#define DR_EVAL_FRECHET_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Mean and covariance of features as they come. */
typedef struct dr_fid_stats {
    int dim;
    int64_t count;
    double *shift, *sum, *products; /* of what is left after the first vector is taken off; products' lower half */
    float *waiting;                 /* vectors that are not yet in the sums */
    int waits;
} dr_fid_stats;

dr_status dr_fid_stats_init(dr_fid_stats *s, int dim);
void dr_fid_stats_clear(dr_fid_stats *s);
void dr_fid_stats_add(dr_fid_stats *s, const float *features);

/** True if both are of the very same features: a set that is compared with itself. */
bool dr_fid_stats_equal(dr_fid_stats *a, dr_fid_stats *b);

/** DR_EINVAL where a set has fewer than two pictures, or features that are not finite. The sets' names are for
 * messages. */
dr_status dr_fid_distance(dr_fid_stats *a, dr_fid_stats *b, const char *name_a, const char *name_b, double *out);

#endif
