#include "ops/onednn/pack8.h"

#include "ops/cpu/cpu.h"
#include "tensor/blocks.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 32, ROUND = 64 /* as wide as any row of a layout */, MAX_BASE = 1 << 24 };

void dr_pack8_free(dr_pack8 *p)
{
    if (!p)
        return;
    free(p->scale);
    free(p->run);
    free(p);
}

size_t dr_pack8_bytes(const dr_pack8 *p)
{
    return p ? p->scales * sizeof *p->scale + p->runs * sizeof *p->run : 0;
}

/* --- moving whole numbers ------------------------------------------------------------------------------------ */

typedef struct mover {
    dr_cmd plain, md;
    dr_dtype type;
    size_t values, n; /* of the plain weight, of the layout */
    float *from;      /* [values] */
    void *to;         /* [n] of type */
    dr_arena *scratch;
} mover;

static dr_status mover_init(mover *m)
{
    m->from = dr_arena_alloc(m->scratch, m->values * sizeof *m->from);
    m->to = m->from ? dr_arena_alloc(m->scratch, m->n * dr_dtype_size(m->type)) : NULL;
    return m->to ? DR_OK : DR_ENOMEM;
}

static int moved(const mover *m, size_t i)
{
    float v;
    if (m->type != DR_F32)
        return (int)dr_bf16_to_f32(((const uint16_t *)m->to)[i]);
    memcpy(&v, (const char *)m->to + i * sizeof v, sizeof v);
    return (int)v;
}

static dr_status move_codes(const mover *m, const dr_q8_0 *block, int8_t *code)
{
#pragma omp parallel for schedule(static)
    for (size_t b = 0; b < m->values / BLOCK; b++)
        for (size_t i = 0; i < BLOCK; i++)
            m->from[b * BLOCK + i] = (float)block[b].code[i];
    dr_status st = dr_reorder(m->scratch, m->plain, m->from, m->md, m->to);
    if (st)
        return st;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < m->n; i++)
        code[i] = (int8_t)moved(m, i);
    return DR_OK;
}

/* Where each element's scale is, plus 1; 0 for padding. bf16 holds whole numbers below 256: in turns of 7 bits. */
static dr_status move_places(const mover *m, const dr_pack8 *p, uint32_t *place)
{
    int turns = m->type == DR_F32 ? 1 : 4, bits = m->type == DR_F32 ? 24 : 7;
    if (turns > 1)
        memset(place, 0, m->n * sizeof *place);
    for (int turn = 0; turn < turns; turn++) {
#pragma omp parallel for schedule(static)
        for (size_t b = 0; b < m->values / BLOCK; b++) {
            int64_t o = (int64_t)(b * BLOCK) / p->row, g = (int64_t)(b * BLOCK) % p->row / BLOCK;
            uint32_t at = (uint32_t)(g * p->outputs + o + 1) >> (turn * bits) & ((1u << bits) - 1);
            for (size_t i = 0; i < BLOCK; i++)
                m->from[b * BLOCK + i] = (float)at;
        }
        dr_status st = dr_reorder(m->scratch, m->plain, m->from, m->md, m->to);
        if (st)
            return st;
#pragma omp parallel for schedule(static)
        for (size_t i = 0; i < m->n; i++) {
            uint32_t v = (uint32_t)moved(m, i);
            v = turns == 1 ? v : place[i] | v << (turn * bits);
            memcpy(place + i, &v, sizeof v);
        }
    }
    return DR_OK;
}

/* --- rows and runs --------------------------------------------------------------------------------------------- */

/* The first element's scale of a row, where all follow from it; false where they do not. Padding fits everywhere. */
static bool row_base(const uint32_t *place, int width, int shift, uint32_t *base)
{
    *base = 0;
    for (int j = 0; j < width; j++) {
        if (!place[j])
            continue;
        uint32_t first = place[j] - 1 - (uint32_t)(j >> shift);
        if (place[j] - 1 < (uint32_t)(j >> shift) || (*base && *base - 1 != first))
            return false;
        *base = first + 1;
    }
    *base = *base ? *base - 1 : 0;
    return true;
}

static bool fits(const uint32_t *place, size_t n, int width, int shift)
{
    uint32_t base;
    if (n % (size_t)width)
        return false;
    for (size_t i = 0; i < n; i += (size_t)width)
        if (!row_base(place + i, width, shift, &base))
            return false;
    return true;
}

static dr_status find_rows(dr_pack8 *p, const uint32_t *place, size_t n)
{
    static const int widths[] = {128, 96, 64, 48, 32, 24, 16, 8}; /* at most DR_CPU_Q8_WIDTH */
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        for (int shift = 0; shift < 2; shift++)
            if (fits(place, n, widths[i], shift)) {
                p->width = widths[i];
                p->shift = shift;
                return DR_OK;
            }
    return DR_EUNSUPPORTED;
}

/* Neighbouring rows with the same scales, counted, then noted. */
static dr_status find_runs(dr_pack8 *p, const uint32_t *place, size_t n)
{
    for (int noting = 0; noting < 2; noting++) {
        uint32_t last = UINT32_MAX, count = 0, base;
        p->runs = 0;
        for (size_t i = 0; i < n; i += (size_t)p->width) {
            row_base(place + i, p->width, p->shift, &base);
            if (base != last || count == 255) {
                p->runs++;
                count = 0;
            }
            last = base;
            count++;
            if (noting)
                p->run[p->runs - 1] = base << 8 | count;
        }
        if (!noting && !(p->run = malloc(p->runs * sizeof *p->run + 1)))
            return dr_fail(DR_ENOMEM, "out of memory while packing a weight");
    }
    return DR_OK;
}

static dr_status fill(dr_pack8 *p, const dr_tensor *w, mover *m, int8_t *code)
{
    const dr_q8_0 *block = w->data;
    int64_t O = w->dim[0], groups = p->row / BLOCK;
    for (int64_t o = 0; o < O; o++)
        for (int64_t g = 0; g < groups; g++)
            p->scale[g * p->outputs + o] = block[o * groups + g].scale;
    dr_status st = mover_init(m);
    if (!st)
        st = move_codes(m, block, code);
    if (st)
        return st;
    /* of f32 each number is read before its place is written: no memory beside is needed */
    uint32_t *place = m->type == DR_F32 ? m->to : dr_arena_alloc(m->scratch, m->n * sizeof *place);
    st = place ? move_places(m, p, place) : DR_ENOMEM;
    if (!st)
        st = find_rows(p, place, m->n);
    return st ? st : find_runs(p, place, m->n);
}

dr_status dr_pack8_make(const dr_tensor *w, dr_cmd plain, dr_cmd md, dr_dtype type, size_t n, int8_t *code,
                        dr_pack8 **out, dr_arena *scratch)
{
    mover m = {.plain = plain, .md = md, .type = type, .values = (size_t)dr_numel(w), .n = n, .scratch = scratch};
    dr_pack8 *p = calloc(1, sizeof *p);
    *out = NULL;
    if (!p)
        return dr_fail(DR_ENOMEM, "out of memory while packing '%s'", w->name ? w->name : "a weight");
    p->row = dr_numel(w) / w->dim[0];
    p->outputs = (w->dim[0] + ROUND - 1) / ROUND * ROUND;
    p->scales = (size_t)(p->row / BLOCK * p->outputs) + DR_CPU_Q8_WIDTH;
    dr_status st = p->row % BLOCK || p->scales >= MAX_BASE ? DR_EUNSUPPORTED : DR_OK;
    if (!st && !(p->scale = calloc(p->scales, sizeof *p->scale)))
        st = dr_fail(DR_ENOMEM, "out of memory while packing '%s'", w->name ? w->name : "a weight");
    size_t mark = dr_arena_mark(scratch);
    if (!st)
        st = fill(p, w, &m, code);
    dr_arena_rewind(scratch, mark);
    if (st)
        dr_pack8_free(p);
    else
        *out = p;
    return st;
}

/* --- values ---------------------------------------------------------------------------------------------------- */

const void *dr_pack8_expand(const dr_pack8 *p, const int8_t *code, dr_dtype type, size_t n, dr_arena *scratch)
{
    const dr_cpu_q8 q = {code, p->scale, p->run, p->runs, p->width, p->shift};
    void *out = dr_arena_alloc(scratch, n * dr_dtype_size(type));
    if (out && type == DR_F32)
        dr_cpu_q8_to_f32(&q, out);
    else if (out)
        dr_cpu_q8_to_bf16(&q, out);
    return out;
}

dr_status dr_pack8_plain(const dr_pack8 *p, const int8_t *code, dr_cmd md, dr_dtype type, size_t n, size_t values,
                         dr_cmd plain, dr_arena *scratch, float *out)
{
    size_t mark = dr_arena_mark(scratch);
    void *wide = dr_arena_alloc(scratch, n * dr_dtype_size(type));
    if (!wide)
        return DR_ENOMEM;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        if (type == DR_F32)
            ((float *)wide)[i] = (float)code[i];
        else
            ((uint16_t *)wide)[i] = dr_f32_to_bf16((float)code[i]);
    dr_status st = dr_reorder(scratch, md, wide, plain, out);
    dr_arena_rewind(scratch, mark);
#pragma omp parallel for schedule(static)
    for (size_t b = 0; b < (st ? 0 : values / BLOCK); b++) {
        int64_t o = (int64_t)(b * BLOCK) / p->row, g = (int64_t)(b * BLOCK) % p->row / BLOCK;
        float scale = dr_f16_to_f32(p->scale[g * p->outputs + o]);
        for (size_t i = 0; i < BLOCK; i++)
            out[b * BLOCK + i] *= scale;
    }
    return st;
}
