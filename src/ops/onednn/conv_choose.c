/* Which algorithm computes a convolution: measured per shape, see tune.h. */
#include "ops/onednn/rows.h"
#include "ops/onednn/tune.h"

#include <stdio.h>

#define SMALL_WORK 50e6 /* operations: below this measuring is not worth it */
#define TRIAL_WORK 8e9  /* a larger image is measured on a part of its lines */

enum { DIRECT, WINOGRAD, BF16, CANDIDATES };

/* One measurement: the caller's tensors, a part of the image, and outputs of its own. Each candidate has its own
 * view of the weight, so that it packs as it would when chosen. */
typedef struct trial {
    dr_conv_args a;
    dr_tensor w[CANDIDATES];
} trial;

static dr_status forward_direct(const dr_conv_args *a)
{
    return dr_conv_direct(a, DR_F32);
}

static dr_status forward_bf16(const dr_conv_args *a)
{
    return dr_conv_direct(a, DR_BF16);
}

static dr_status (*const forward[])(const dr_conv_args *) = {forward_direct, dr_conv_winograd, forward_bf16};
static dr_status (*const input_gradient[])(const dr_conv_args *) = {dr_conv_direct_dx, dr_conv_winograd_dx};

static dr_status try_one(const trial *t, int which)
{
    dr_conv_args a = t->a;
    a.w = &t->w[which];
    return a.dx ? input_gradient[which](&a) : forward[which](&a);
}

static dr_status try_direct(const void *t)
{
    return try_one(t, DIRECT);
}

static dr_status try_winograd(const void *t)
{
    return try_one(t, WINOGRAD);
}

static dr_status try_bf16(const void *t)
{
    return try_one(t, BF16);
}

static const dr_candidate candidates[] = {{"direct", try_direct}, {"winograd", try_winograd}, {"bf16", try_bf16}};

static double work(const dr_conv_args *a)
{
    int64_t g = a->geom.groups > 1 ? a->geom.groups : 1;
    return 2.0 * (double)(a->N * a->OH * a->OW) * (double)(a->O * (a->I / g)) * a->geom.kh * a->geom.kw;
}

/* Fewer images, then fewer lines, until a run is short. */
static void crop(dr_conv_args *a)
{
    const dr_conv_geom *g = &a->geom;
    if (work(a) > TRIAL_WORK)
        a->N = 1;
    double ratio = TRIAL_WORK / work(a);
    if (ratio >= 1)
        return;
    int64_t lines = (int64_t)((double)a->H * ratio) / 16 * 16;
    lines = lines < 16 ? 16 : lines;
    if (lines < a->H) {
        a->H = lines;
        a->OH = (a->H + g->top + g->bottom - g->kh) / g->stride + 1;
    }
}

static int measure(const char *problem, const dr_conv_args *a, int n)
{
    trial t = {.a = *a};
    crop(&t.a);
    size_t mark = dr_arena_mark(a->scratch);
    bool gradient = a->dx != NULL;
    int64_t in = t.a.N * t.a.H * t.a.W * t.a.I, out = t.a.N * t.a.OH * t.a.OW * t.a.O;
    float *result = dr_arena_zalloc(a->scratch, (size_t)(gradient ? in : out) * sizeof *result);
    if (!result)
        return -1;
    if (gradient)
        t.a.dx = result;
    else
        t.a.y = result;
    if (t.a.residual && t.a.residual == a->y)
        t.a.residual = result;
    for (int i = 0; i < n; i++) {
        t.w[i] = *a->w;
        t.w[i].mapped = false;
    }
    int choice = dr_tune_measure(problem, candidates, n, &t);
    for (int i = 0; i < n; i++)
        if (t.w[i].pack != a->w->pack)
            dr_weight_unpack(&t.w[i]);
    dr_arena_rewind(a->scratch, mark);
    return choice;
}

static int choose(const dr_conv_args *a)
{
    bool gradient = a->dx != NULL, fits = gradient ? dr_conv_winograd_dx_fits(a) : dr_conv_winograd_fits(a);
    bool bf16 = !gradient && a->precision == DR_PRECISION_AUTO && dr_ops_has_bf16();
    int64_t tiles = a->N * ((a->OH + 3) / 4) * ((a->OW + 3) / 4);
    int rule = fits && a->I >= 16 && a->O >= 16 && tiles >= 24 ? WINOGRAD : DIRECT;
    if (!fits || a->I < 8 || a->O < 8 || work(a) < SMALL_WORK || !dr_tune_enabled())
        return rule;

    const dr_conv_geom *g = &a->geom;
    char problem[121];
    int len = snprintf(
        problem, sizeof problem, "conv %s %s%s%s n%lld h%lld w%lld i%lld o%lld oh%lld ow%lld k%dx%d s%d p%d.%d.%d.%d",
        gradient ? "dx" : "y", dr_dtype_name(a->w->dtype), a->w->constant ? " constant" : "", bf16 ? " auto" : "",
        (long long)a->N, (long long)a->H, (long long)a->W, (long long)a->I, (long long)a->O, (long long)a->OH,
        (long long)a->OW, g->kh, g->kw, g->stride, g->top, g->left, g->bottom, g->right);
    if (len < 0 || (size_t)len >= sizeof problem)
        return rule;
    int n = bf16 ? CANDIDATES : BF16;
    int choice = dr_tune_recall(problem, candidates, n);
    if (choice < 0)
        choice = measure(problem, a, n);
    return choice < 0 ? rule : choice;
}

dr_status dr_conv_chosen(const dr_conv_args *a)
{
    return forward[choose(a)](a);
}

dr_status dr_conv_chosen_dx(const dr_conv_args *a)
{
    return input_gradient[choose(a)](a);
}
