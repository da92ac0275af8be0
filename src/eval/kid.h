/* KID: the Kernel Inception Distance of two sets of pictures.
 *
 * Binkowski et al. 2018, arXiv:1801.01401: the squared maximum mean discrepancy of Inception's features (eval/fid.h)
 * under the kernel (x.y/dim + 1)^3, estimated without bias on random subsets of both; mean and deviation over the
 * subsets.
 *
 * Subsets are those of torch-fidelity: numpy.random.RandomState(seed).choice(n, size, replace=False), of the first set
 * and of the second in turn. Unlike FID it is without bias for small sets, and may be a little below zero. All features
 * are needed at once: 8 KiB a picture. */
#ifndef DR_EVAL_KID_H
#define DR_EVAL_KID_H

#include "base/status.h"

#include <stdint.h>

typedef struct dr_kid_options {
    int subsets;     /* 100 */
    int subset_size; /* 1000; 0: as many as the smaller set has, 1000 at most (clean-fid's way) */
    uint32_t seed;   /* 2020 */
} dr_kid_options;
#define DR_KID_DEFAULTS                                                                                                \
    {                                                                                                                  \
        .subsets = 100, .subset_size = 0, .seed = 2020                                                                 \
    }

typedef struct dr_kid_result {
    double mean, deviation;
    int subset_size;
} dr_kid_result;

/** a [count_a][dim] and b [count_b][dim], the host's. DR_EINVAL where a set has fewer pictures than a subset, or one;
 * names are for messages. */
dr_status dr_kid(const float *a, int64_t count_a, const char *name_a, const float *b, int64_t count_b,
                 const char *name_b, int dim, const dr_kid_options *o, dr_kid_result *out);

#endif
