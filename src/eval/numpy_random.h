/* numpy.random.RandomState's permutations, so that a seed means what it means there. Mersenne Twister, Matsumoto &
 * Nishimura 1998. */
#ifndef DR_EVAL_NUMPY_RANDOM_H
#define DR_EVAL_NUMPY_RANDOM_H

#include <stdint.h>

typedef struct dr_numpy_random {
    uint32_t state[624];
    int at;
} dr_numpy_random;

void dr_numpy_seed(dr_numpy_random *r, uint32_t seed);

/** RandomState.permutation(n), and so choice(n, size, replace=False) in its first `size` values. */
void dr_numpy_permutation(dr_numpy_random *r, int64_t n, int64_t *out);

#endif
