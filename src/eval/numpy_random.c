#include "eval/numpy_random.h"

enum { N = 624, M = 397 };

void dr_numpy_seed(dr_numpy_random *r, uint32_t seed)
{
    for (uint32_t i = 0; i < N; i++) {
        r->state[i] = seed;
        seed = 1812433253u * (seed ^ (seed >> 30)) + i + 1;
    }
    r->at = N;
}

static void generate(dr_numpy_random *r)
{
    uint32_t *s = r->state;
    for (int i = 0; i < N; i++) {
        uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % N] & 0x7fffffffu);
        s[i] = s[(i + M) % N] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    r->at = 0;
}

static uint32_t next(dr_numpy_random *r)
{
    if (r->at == N)
        generate(r);
    uint32_t y = r->state[r->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

/* 0..max, by throwing away what is too large under the next power of two */
static uint32_t interval(dr_numpy_random *r, uint32_t max)
{
    uint32_t mask = max, v;
    for (int shift = 1; shift < 32; shift *= 2)
        mask |= mask >> shift;
    while ((v = next(r) & mask) > max)
        ;
    return v;
}

void dr_numpy_permutation(dr_numpy_random *r, int64_t n, int64_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        uint32_t j = interval(r, (uint32_t)i);
        int64_t t = out[i];
        out[i] = out[j];
        out[j] = t;
    }
}
