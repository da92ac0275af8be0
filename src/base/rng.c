/* mt19937 and the distributions over it, word for word as PyTorch's CPU generator takes them.
 *
 * Matsumoto & Nishimura 1998, doi:10.1145/272991.272995. */
#include "base/rng.h"

#include "base/status.h"

#include <math.h>

#define MT_N 624
#define MT_M 397

#define TWO_PI 6.283185307179586476925286766559

void dr_rng_seed(dr_rng *r, uint64_t seed)
{
    r->state[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < MT_N; i++) {
        uint32_t last = r->state[i - 1];
        r->state[i] = 1812433253U * (last ^ (last >> 30)) + i;
    }
    r->next = MT_N;
    r->has_normal = false;
    r->normal = 0;
}

static uint32_t twist(uint32_t high, uint32_t low)
{
    uint32_t y = (high & 0x80000000U) | (low & 0x7fffffffU);

    return (y >> 1) ^ ((low & 1U) ? 0x9908b0dfU : 0U);
}

static void refill(dr_rng *r)
{
    uint32_t *s = r->state;

    for (int i = 0; i < MT_N; i++)
        s[i] = s[(i + MT_M) % MT_N] ^ twist(s[i], s[(i + 1) % MT_N]);
    r->next = 0;
}

uint32_t dr_rng_u32(dr_rng *r)
{
    if (r->next >= MT_N)
        refill(r);
    uint32_t y = r->state[r->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680U;
    y ^= (y << 15) & 0xefc60000U;
    return y ^ (y >> 18);
}

uint64_t dr_rng_u64(dr_rng *r)
{
    uint64_t high = dr_rng_u32(r);

    return high << 32 | dr_rng_u32(r);
}

float dr_rng_uniform(dr_rng *r)
{
    return (float)(dr_rng_u32(r) & 0xffffffU) * 0x1p-24F;
}

static double uniform53(dr_rng *r)
{
    return (double)(dr_rng_u64(r) & 0x1fffffffffffffU) * 0x1p-53;
}

int64_t dr_rng_below(dr_rng *r, int64_t n)
{
    DR_ASSERT(n > 0, "range %lld", (long long)n);
    if (n < INT64_C(1) << 28)
        return dr_rng_u32(r) % (uint32_t)n;
    return (int64_t)(dr_rng_u64(r) % (uint64_t)n);
}

void dr_rng_perm(dr_rng *r, int64_t n, int64_t *out)
{
    DR_ASSERT(n >= 0, "length %lld", (long long)n);
    /* PyTorch takes 64-bit words once 32 would favour some orders noticeably */
    bool wide = n >= UINT32_MAX / 20;

    for (int64_t i = 0; i < n; i++)
        out[i] = i;
    for (int64_t i = 0; i + 1 < n; i++) {
        uint64_t word = wide ? dr_rng_u64(r) : dr_rng_u32(r);
        int64_t j = i + (int64_t)(word % (uint64_t)(n - i));
        int64_t kept = out[i];
        out[i] = out[j];
        out[j] = kept;
    }
}

/* One value; Box-Muller gives two, the second waits in the generator. */
static double normal_scalar(dr_rng *r)
{
    if (r->has_normal) {
        r->has_normal = false;
        return r->normal;
    }
    double u1 = uniform53(r), u2 = uniform53(r);
    double radius = sqrt(-2.0 * log1p(-u2)), theta = TWO_PI * u1;
    r->normal = radius * sin(theta);
    r->has_normal = true;
    return radius * cos(theta);
}

/* 16 uniform values in place: value j and j + 8 are one Box-Muller pair. */
static void normal_block(float *v)
{
    for (int j = 0; j < 8; j++) {
        float radius = sqrtf(-2.0F * logf(1.0F - v[j])); /* [0,1) to (0,1]: no log of 0 */
        float theta = (float)TWO_PI * v[j + 8];
        v[j] = radius * cosf(theta);
        v[j + 8] = radius * sinf(theta);
    }
}

void dr_rng_normal(dr_rng *r, float *out, size_t n)
{
    if (n < 16) {
        for (size_t i = 0; i < n; i++)
            out[i] = (float)normal_scalar(r);
        return;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = dr_rng_uniform(r);
    for (size_t i = 0; i + 16 <= n; i += 16)
        normal_block(out + i);
    if (n % 16 != 0) { /* the last 16 values are drawn anew, over the end of the block before */
        float *tail = out + n - 16;
        for (int j = 0; j < 16; j++)
            tail[j] = dr_rng_uniform(r);
        normal_block(tail);
    }
}
