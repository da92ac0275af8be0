#include "learn/draw.h"

/* splitmix64's last step: every bit of the input moves every bit of the result. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9U;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

void dr_draw(dr_rng *r, uint64_t seed, int64_t step, int64_t which)
{
    uint64_t h = mix(seed + 0x9e3779b97f4a7c15U);
    h = mix(h ^ (uint64_t)step);
    dr_rng_seed(r, mix(h ^ (uint64_t)which)); /* which takes the low half */
}
