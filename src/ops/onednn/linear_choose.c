/* Whether a linear layer's products are computed in bf16, or in 8-bit whole numbers: only where precision allows and
 * measuring says so. */
#include "ops/cpu/isa.h"
#include "ops/onednn/pack.h"
#include "ops/onednn/rows.h"
#include "ops/onednn/tune.h"

#include <stdio.h>

#define SMALL_WORK 50e6 /* operations: below this measuring is not worth it */
#define TRIAL_WORK 8e9  /* more rows than that are measured on a part of them */

enum { F32, BF16, WHOLE, TYPES };

typedef struct trial {
    dr_linear_args a;
    dr_linear_pass pass;
    dr_tensor *w; /* [TYPES]: each type packs its own */
} trial;

static dr_status try_one(const trial *t, int which)
{
    dr_linear_args a = t->a;
    dr_dtype type = which == BF16 ? DR_BF16 : DR_F32;
    a.w = &t->w[which];
    switch (t->pass) {
    case DR_LINEAR_Y:
        return dr_linear_y(&a, type);
    case DR_LINEAR_DX:
        return dr_linear_dx(&a, type);
    case DR_LINEAR_DW:
        return dr_linear_dw(&a, type);
    }
    return DR_EUNSUPPORTED;
}

static dr_status try_f32(const void *t)
{
    return try_one(t, F32);
}

static dr_status try_bf16(const void *t)
{
    return dr_cpu_has_bf16() ? try_one(t, BF16) : DR_EUNSUPPORTED;
}

static dr_status try_whole(const void *args)
{
    const trial *t = args;
    dr_linear_args a = t->a;
    a.w = &t->w[WHOLE];
    return dr_linear_y8(&a, true);
}

static const dr_candidate candidates[] = {{"f32", try_f32}, {"bf16", try_bf16}, {"int8", try_whole}};

static double work(const dr_linear_args *a)
{
    return 2.0 * (double)a->M * (double)a->N * (double)a->K;
}

static int measure(const char *problem, const dr_linear_args *a, dr_linear_pass pass, int types)
{
    dr_tensor w[TYPES];
    trial t = {.a = *a, .pass = pass, .w = w};
    double ratio = TRIAL_WORK / work(a);
    if (ratio < 1)
        t.a.M = (int64_t)((double)a->M * ratio) + 1;
    int64_t n = pass == DR_LINEAR_Y ? t.a.M * a->N : pass == DR_LINEAR_DX ? t.a.M * a->K : a->N * a->K;
    size_t mark = dr_arena_mark(a->scratch);
    float *result = dr_arena_zalloc(a->scratch, (size_t)n * sizeof *result);
    if (!result)
        return -1;
    t.a.y = t.a.dx = t.a.dw = result;
    if (a->residual && a->residual == a->y)
        t.a.residual = result;
    for (int i = 0; i < types; i++) {
        w[i] = *a->w;
        w[i].mapped = w[i].yields = false;
    }
    int choice = dr_tune_measure(problem, candidates, types, &t);
    for (int i = 0; i < types; i++)
        if (w[i].pack != a->w->pack)
            dr_weight_unpack(&w[i]);
    dr_arena_rewind(a->scratch, mark);
    return choice;
}

dr_dtype dr_linear_type(const dr_linear_args *a, dr_linear_pass pass)
{
    static const char *const names[] = {"y", "dx", "dw"};
    if (!dr_precision_rounds(a->precision) || !dr_cpu_has_bf16())
        return DR_F32;
    const dr_pack *pack = dr_pack_of(a->w);
    if (pass == DR_LINEAR_Y && pack) /* the first call has decided: packing twice would cost more than it gains */
        return pack->type == DR_F32 ? DR_F32 : DR_BF16;
    if (work(a) < SMALL_WORK || !dr_tune_enabled())
        return work(a) < SMALL_WORK ? DR_F32 : DR_BF16;

    char problem[121];
    snprintf(problem, sizeof problem, "linear %s %s%s m%lld n%lld k%lld", names[pass], dr_dtype_name(a->w->dtype),
             a->w->constant ? " constant" : "", (long long)a->M, (long long)a->N, (long long)a->K);
    int choice = dr_tune_recall(problem, candidates, WHOLE);
    if (choice < 0)
        choice = measure(problem, a, pass, WHOLE);
    return choice == BF16 ? DR_BF16 : DR_F32;
}

bool dr_linear_whole(const dr_linear_args *a)
{
    if (a->precision != DR_PRECISION_FAST || !dr_linear8_fits(a))
        return false;
    const dr_pack *pack = dr_pack_of(a->w);
    if (pack)
        return pack->type == DR_I8;
    if (work(a) < SMALL_WORK || !dr_tune_enabled())
        return work(a) >= SMALL_WORK;

    char problem[121];
    snprintf(problem, sizeof problem, "linear8 y %s constant m%lld n%lld k%lld", dr_dtype_name(a->w->dtype),
             (long long)a->M, (long long)a->N, (long long)a->K);
    int choice = dr_tune_recall(problem, candidates, TYPES);
    if (choice < 0)
        choice = measure(problem, a, DR_LINEAR_Y, TYPES);
    return choice == WHOLE;
}
