/* Random numbers equal to PyTorch's CPU generator (torch.Generator().manual_seed(seed)).
 *
 * mt19937 seeded with the low 32 bits of the seed. Normal numbers as torch.randn: below 16 values
 * one Box-Muller pair at a time in double from 53-bit uniforms (the second of a pair is kept for the next
 * call); from 16 on in blocks of 16 from 24-bit uniforms in float, the last block drawn again. */
#ifndef DR_BASE_RNG_H
#define DR_BASE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dr_rng {
    uint32_t state[624];
    int next;        /* index of the next word in state, 624 = refill */
    bool has_normal; /* a second Box-Muller value is kept */
    double normal;
} dr_rng;

void dr_rng_seed(dr_rng *r, uint64_t seed);
uint32_t dr_rng_u32(dr_rng *r);
uint64_t dr_rng_u64(dr_rng *r);
/** torch.rand: float in [0,1) from 24 bits. */
float dr_rng_uniform(dr_rng *r);
/** torch.randint(0, n): a word modulo n, of 32 bits for n below 2^28 and of 64 from there on. n > 0 (asserted). */
int64_t dr_rng_below(dr_rng *r, int64_t n);
/** torch.randperm(n): Fisher-Yates as PyTorch's CPU kernel does. out [n]. */
void dr_rng_perm(dr_rng *r, int64_t n, int64_t *out);
/** torch.randn(n, generator=r): n values in the order of a contiguous tensor. */
void dr_rng_normal(dr_rng *r, float *out, size_t n);

#endif
