/* Linear layers in 8-bit whole numbers (ops/cpu/linear8.h), and which layers may be: an error budget.
 *
 * At a constant weight's first product some rows are computed both ways. A layer that is off by more than the budget,
 * even with the large columns of x divided and their weights multiplied, is refused: it stays as it would be without.
 * Refusals are remembered beside the choices of algorithms (tune.h), so that a later run does not try again. */
#include "ops/cpu/linear8.h"

#include "ops/onednn/pack.h"
#include "ops/onednn/rows.h"
#include "ops/onednn/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_ROWS 128 /* that are computed both ways */
#define HASH_VALUES 1024

/* What a pack has beside its codes: unit [panels*64], start [panels*64], divide [K] (where columns are divided). */
typedef struct parts {
    float *unit, *start, *divide;
    size_t floats;
} parts;

static parts parts_of(float *extra, int64_t N, int64_t K, bool divided)
{
    int64_t n = dr_linear8_panels(N) * DR_LINEAR8_PANEL;
    return (parts){extra, extra + n, divided ? extra + 2 * n : NULL, (size_t)(2 * n + (divided ? K : 0))};
}

static dr_status multiply(const dr_linear_args *a, const int8_t *code, const parts *p)
{
    size_t mark = dr_arena_mark(a->scratch);
    void *work = dr_arena_alloc(a->scratch, (size_t)dr_linear8_work_bytes(a->M, a->K));
    if (!work)
        return DR_ENOMEM;
    dr_cpu_linear8(&(dr_linear8){.M = a->M,
                                 .N = a->N,
                                 .K = a->K,
                                 .w = code,
                                 .unit = p->unit,
                                 .start = p->start,
                                 .divide = p->divide,
                                 .x = a->x,
                                 .b = a->b,
                                 .residual = a->residual,
                                 .y = a->y},
                   work);
    dr_arena_rewind(a->scratch, mark);
    return DR_OK;
}

static dr_status with_pack(const dr_linear_args *a, const dr_pack *pack)
{
    parts p = parts_of(pack->extra, a->N, a->K, false);
    if (pack->extras > p.floats)
        p = parts_of(pack->extra, a->N, a->K, true);
    return multiply(a, pack->data, &p);
}

/* --- the budget --------------------------------------------------------------------------------------------- */

/* A layer's first product: what of it is tried. */
typedef struct trial {
    const dr_linear_args *a;
    const float *w;      /* [N,K] */
    dr_linear_args some; /* rows of a, no bias, no residual */
    const float *want;   /* their exact result */
} trial;

static dr_md columns_md(int64_t N, int64_t K)
{
    return dr_md_make(2, (int64_t[]){K, N}, dnnl_f32, (int64_t[]){1, K});
}

static dr_status trial_init(trial *t, const dr_linear_args *a)
{
    int64_t rows = a->M < SAMPLE_ROWS ? a->M : SAMPLE_ROWS;
    float *x = dr_arena_alloc(a->scratch, (size_t)(rows * a->K) * sizeof *x);
    float *y = dr_arena_alloc(a->scratch, (size_t)(2 * rows * a->N) * sizeof *y);
    dr_md plain = columns_md(a->N, a->K);
    dr_status s = x && y && plain ? dr_weights_plain(a->w, plain, a->scratch, &t->w) : DR_ENOMEM;
    dr_md_free(plain);
    if (s)
        return s;
    for (int64_t r = 0; r < rows; r++)
        memcpy(x + r * a->K, a->x + r * a->M / rows * a->K, (size_t)a->K * sizeof *x);
    dr_tensor w = {.dtype = DR_F32, .rank = 2, .dim = {a->N, a->K, 1, 1}, .data = (void *)(uintptr_t)t->w};
    t->a = a;
    t->some = (dr_linear_args){.scratch = a->scratch, .M = rows, .N = a->N, .K = a->K, .w = &w, .x = x, .y = y};
    s = dr_linear_y(&t->some, DR_F32);
    t->some.w = NULL;
    t->want = y;
    t->some.y = y + rows * a->N;
    return s;
}

/* SmoothQuant's balance: each column of x and of w gets the root of the other's largest value. */
static void balance(const dr_linear_args *a, const float *w, float *divide, float *times)
{
    float *largest = times; /* of w's columns, then both */
    memset(divide, 0, (size_t)a->K * sizeof *divide);
    memset(largest, 0, (size_t)a->K * sizeof *largest);
    for (int64_t m = 0; m < a->M; m++)
        for (int64_t k = 0; k < a->K; k++)
            divide[k] = fmaxf(divide[k], fabsf(a->x[m * a->K + k]));
    for (int64_t n = 0; n < a->N; n++)
        for (int64_t k = 0; k < a->K; k++)
            largest[k] = fmaxf(largest[k], fabsf(w[n * a->K + k]));
    for (int64_t k = 0; k < a->K; k++) {
        float s = sqrtf(divide[k] / largest[k]);
        s = isfinite(s) && s > 0 ? s : 1;
        divide[k] = 1 / s;
        times[k] = s;
    }
}

/* The error of the sample's rows relative to their size; a NaN is beyond every budget. */
static double error_of(const trial *t)
{
    double off = 0, size = 0;
    for (int64_t i = 0; i < t->some.M * t->some.N; i++) {
        double d = (double)t->some.y[i] - (double)t->want[i];
        off += d * d;
        size += (double)t->want[i] * (double)t->want[i];
    }
    return size > 0 ? sqrt(off / size) : 0;
}

/* One way to pack, and whether it keeps to the budget. */
static dr_status try_pack(const trial *t, bool divided, int8_t *code, float *extra, bool *good)
{
    parts p = parts_of(extra, t->a->N, t->a->K, divided);
    float *times = NULL;
    if (divided) {
        times = dr_arena_alloc(t->a->scratch, (size_t)t->a->K * sizeof *times);
        if (!times)
            return DR_ENOMEM;
        balance(t->a, t->w, p.divide, times);
    }
    dr_linear8_pack(t->a->N, t->a->K, t->w, times, code, p.unit, p.start);
    dr_status s = multiply(&t->some, code, &p);
    *good = s == DR_OK && error_of(t) <= DR_LINEAR8_BUDGET;
    return s;
}

/* A name for the weight by its shape and some of its values. */
static void refusal_name(const dr_linear_args *a, const float *w, char out[121])
{
    float some[HASH_VALUES];
    int64_t n = a->N * a->K;
    for (int64_t i = 0; i < HASH_VALUES; i++)
        some[i] = w[i * n / HASH_VALUES];
    snprintf(out, 121, "linear weight %016llx n%lld k%lld", (unsigned long long)dr_hash(some, sizeof some),
             (long long)a->N, (long long)a->K);
}

static const dr_candidate refusal = {.name = "refused"};

/* Packs w if a way to do so keeps to the budget; DR_EUNSUPPORTED otherwise. */
static dr_status pack_new(const dr_linear_args *a, bool measuring, const dr_pack **out)
{
    size_t mark = dr_arena_mark(a->scratch), bytes = (size_t)dr_linear8_weight_bytes(a->N, a->K);
    int8_t *code = NULL;
    float *extra = NULL;
    char name[121];
    bool good = false, divided = false;
    trial t;
    dr_status s = trial_init(&t, a);
    if (s)
        goto done;
    refusal_name(a, t.w, name);
    s = DR_EUNSUPPORTED;
    if (!measuring && dr_tune_enabled() && dr_tune_recall(name, &refusal, 1) == 0)
        goto done;
    code = dr_pack_memory(bytes);
    extra = malloc(parts_of(NULL, a->N, a->K, true).floats * sizeof *extra);
    s = code && extra ? try_pack(&t, false, code, extra, &good) : dr_fail(DR_ENOMEM, "out of memory while packing");
    if (s == DR_OK && !good && !measuring) {
        divided = true;
        s = try_pack(&t, true, code, extra, &good);
    }
    if (s == DR_OK && (good || measuring)) {
        s = dr_pack_adopt(a->w, DR_I8, code, bytes, extra, parts_of(NULL, a->N, a->K, divided).floats, out);
        code = NULL;
        extra = NULL;
    } else if (s == DR_OK) {
        s = DR_EUNSUPPORTED;
        if (dr_tune_enabled())
            dr_tune_remember(name, refusal.name);
    }
done:
    free(code);
    free(extra);
    dr_arena_rewind(a->scratch, mark);
    return s;
}

/* --- the row ------------------------------------------------------------------------------------------------- */

bool dr_linear8_fits(const dr_linear_args *a)
{
    return a->w->constant && dr_cpu_has_linear8() && a->K <= DR_LINEAR8_MOST_K;
}

dr_status dr_linear_y8(const dr_linear_args *a, bool measuring)
{
    const dr_pack *pack = dr_pack_of(a->w);
    dr_status s = dr_linear8_fits(a) ? DR_OK : DR_EUNSUPPORTED;
    if (!pack && s == DR_OK)
        s = pack_new(a, measuring, &pack);
    if (s == DR_OK && (!pack || pack->type != DR_I8))
        s = DR_EUNSUPPORTED;
    return s == DR_OK ? with_pack(a, pack) : s;
}
