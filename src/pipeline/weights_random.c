#include "base/file.h"
#include "pipeline/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 4096 /* values that share one generator: the unit of work of a thread */

/* Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators": a counter through a mixer. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t next(uint64_t *state)
{
    return mix(*state += 0x9e3779b97f4a7c15u);
}

/* 24 bits as [0,1). */
static float unit(uint32_t bits)
{
    return (float)(bits >> 8) * 0x1p-24f;
}

static void fill_uniform(float *out, size_t n, float bound, uint64_t state)
{
    for (size_t i = 0; i < n; i += 2) {
        uint64_t u = next(&state);
        out[i] = (2 * unit((uint32_t)u) - 1) * bound;
        if (i + 1 < n)
            out[i + 1] = (2 * unit((uint32_t)(u >> 32)) - 1) * bound;
    }
}

/* Box & Muller 1958. */
static void fill_normal(float *out, size_t n, float deviation, uint64_t state)
{
    for (size_t i = 0; i < n; i += 2) {
        uint64_t u = next(&state);
        float r = deviation * sqrtf(-2 * logf(1 - unit((uint32_t)u)));
        float a = 6.2831853f * unit((uint32_t)(u >> 32));
        out[i] = r * cosf(a);
        if (i + 1 < n)
            out[i + 1] = r * sinf(a);
    }
}

static uint64_t name_hash(const char *s)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h;
}

static void fill_chunk(const dr_param *q, uint64_t state, float *out, size_t n)
{
    switch (q->init) {
    case DR_INIT_ZEROS:
        memset(out, 0, n * sizeof *out);
        return;
    case DR_INIT_ONES:
        for (size_t i = 0; i < n; i++)
            out[i] = 1;
        return;
    case DR_INIT_KAIMING:
        fill_uniform(out, n, 1 / sqrtf((float)(q->fan_in > 0 ? q->fan_in : 1)), state);
        return;
    case DR_INIT_NORMAL:
        fill_normal(out, n, 0.02f, state);
        return;
    }
}

void dr_init_values(const dr_param *q, uint64_t seed, size_t at, size_t n, float *out)
{
    DR_ASSERT(at % CHUNK == 0, "values from %zu on", at);
    uint64_t key = mix(seed + 0x9e3779b97f4a7c15u) ^ name_hash(q->t.name);
    int64_t chunks = (int64_t)((n + CHUNK - 1) / CHUNK);
#pragma omp parallel for schedule(static) if (chunks > 8)
    for (int64_t c = 0; c < chunks; c++) {
        size_t from = (size_t)c * CHUNK, m = n - from < CHUNK ? n - from : CHUNK;
        fill_chunk(q, mix(key + mix(at / CHUNK + (uint64_t)c)), out + from, m);
    }
}

dr_status dr_weights_random(dr_params *p, dr_dtype dtype, uint64_t seed)
{
    const size_t block = (size_t)64 * CHUNK;
    dr_status st = p->status;
    float *f32 = malloc(2 * block * sizeof *f32), *stored = f32 + block;
    if (!st && !f32)
        st = dr_fail(DR_ENOMEM, "out of memory for random weights");
    for (dr_param *q = p->first; !st && q; q = q->next) {
        st = dr_param_own(q, q->t.rank > 1 ? dtype : DR_F32);
        size_t n = (size_t)dr_numel(&q->t);
        for (size_t at = 0; !st && at < n; at += block) {
            size_t m = n - at < block ? n - at : block;
            dr_init_values(q, seed, at, m, f32);
            dr_from_f32(f32, stored, q->t.dtype, m);
            dr_param_set(q, at, m, stored);
        }
    }
    free(f32);
    return st;
}
