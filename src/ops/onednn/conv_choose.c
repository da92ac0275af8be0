/* Which algorithm computes a convolution: measured per shape, see tune.h. */
#include "ops/cpu/isa.h"
#include "ops/onednn/rows.h"
#include "ops/onednn/tune.h"

#include <stdio.h>

#define SMALL_WORK 50e6 /* operations: below this measuring is not worth it */
#define TRIAL_WORK 8e9  /* a larger image is measured on a part of its lines */

/* SECOND: Winograd's; of the weights' gradient, tap by tap. BF16: what only AUTO may take; of the weights' gradient it
 * is Winograd's in f32, whose rounding bf16 products elsewhere drown. WHOLE: Winograd's in 16-bit whole numbers. */
enum { DIRECT, SECOND, BF16, WHOLE, CANDIDATES };
typedef enum pass { OUTPUT, INPUT_GRADIENT, WEIGHTS_GRADIENT } pass;

/* One measurement: the caller's tensors, a part of the image, and outputs of its own. Each candidate has its own
 * view of the weight, so that it packs as it would when chosen. */
typedef struct trial {
    pass pass;
    dr_conv_args a;
    dr_tensor *w; /* [CANDIDATES] */
} trial;

static dr_status forward_direct(const dr_conv_args *a)
{
    return dr_conv_direct(a, DR_F32);
}

static dr_status forward_bf16(const dr_conv_args *a)
{
    return dr_cpu_has_bf16() ? dr_conv_direct(a, DR_BF16) : DR_EUNSUPPORTED;
}

static dr_status (*const run[][CANDIDATES])(const dr_conv_args *) = {
    [OUTPUT] = {forward_direct, dr_conv_winograd, forward_bf16, dr_conv_winograd16},
    [INPUT_GRADIENT] = {dr_conv_direct_dx, dr_conv_winograd_dx, NULL, NULL},
    [WEIGHTS_GRADIENT] = {dr_conv_direct_dw, dr_conv_taps_dw, dr_conv_winograd_dw, NULL}};
static bool (*const fits_second[])(const dr_conv_args *) = {[OUTPUT] = dr_conv_winograd_fits,
                                                            [INPUT_GRADIENT] = dr_conv_winograd_dx_fits,
                                                            [WEIGHTS_GRADIENT] = dr_conv_taps_fits};

static dr_status try_one(const trial *t, int which)
{
    dr_conv_args a = t->a;
    a.w = &t->w[which];
    return run[t->pass][which](&a);
}

static dr_status try_direct(const void *t)
{
    return try_one(t, DIRECT);
}

static dr_status try_second(const void *t)
{
    return try_one(t, SECOND);
}

static dr_status try_bf16(const void *t)
{
    return try_one(t, BF16);
}

static dr_status try_whole(const void *t)
{
    return try_one(t, WHOLE);
}

static const dr_candidate candidates[][CANDIDATES] = {
    [OUTPUT] = {{"direct", try_direct}, {"winograd", try_second}, {"bf16", try_bf16}, {"winograd16", try_whole}},
    [INPUT_GRADIENT] = {{"direct", try_direct}, {"winograd", try_second}},
    [WEIGHTS_GRADIENT] = {{"direct", try_direct}, {"taps", try_second}, {"winograd", try_bf16}}};

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

static int64_t results(const dr_conv_args *a, pass what)
{
    return what == OUTPUT           ? a->N * a->OH * a->OW * a->O
           : what == INPUT_GRADIENT ? a->N * a->H * a->W * a->I
                                    : dr_numel(a->w);
}

static int measure(const char *problem, const dr_conv_args *a, pass what, int n)
{
    dr_tensor w[CANDIDATES];
    trial t = {.pass = what, .a = *a, .w = w};
    crop(&t.a);
    size_t mark = dr_arena_mark(a->scratch);
    float *result = dr_arena_zalloc(a->scratch, (size_t)results(&t.a, what) * sizeof *result);
    if (!result)
        return -1;
    t.a.y = t.a.dx = t.a.dw = result;
    if (t.a.residual && t.a.residual == a->y)
        t.a.residual = result;
    for (int i = 0; i < n; i++) {
        w[i] = *a->w;
        w[i].mapped = w[i].yields = false;
    }
    int choice = dr_tune_measure(problem, candidates[what], n, &t);
    for (int i = 0; i < n; i++)
        if (w[i].pack != a->w->pack)
            dr_weight_unpack(&w[i]);
    dr_arena_rewind(a->scratch, mark);
    return choice;
}

/* How many of the candidates may serve; EXACT never sees those that round more. */
static int allowed(const dr_conv_args *a, pass what)
{
    bool bf16 = dr_precision_rounds(a->precision) && dr_cpu_has_bf16();
    bool whole = dr_precision_rounds(a->precision) && dr_conv_winograd16_fits(a);
    if (what == OUTPUT && whole)
        return CANDIDATES;
    return run[what][BF16] && bf16 ? BF16 + 1 : BF16;
}

/* Where nothing is measured. */
static int by_rule(const dr_conv_args *a, bool fits, int n)
{
    int64_t tiles = a->N * ((a->OH + 3) / 4) * ((a->OW + 3) / 4);
    if (!fits || a->I < 16 || a->O < 16 || tiles < 24)
        return DIRECT;
    return n > WHOLE ? WHOLE : SECOND;
}

/* A window is served as the map it is cut from: its values are the map's, and windows of all sizes, which follow the
 * masks of photos, measure nothing of their own. */
static dr_conv_args as_whole(const dr_conv_args *a)
{
    dr_conv_args s = *a;
    if (a->whole_h) {
        s.H = a->whole_h;
        s.W = a->whole_w;
        s.OH += s.H - a->H;
        s.OW += s.W - a->W;
    }
    return s;
}

static int choose(const dr_conv_args *args, pass what)
{
    const dr_conv_args whole = as_whole(args), *a = &whole;
    static const char *const names[] = {[OUTPUT] = "y", [INPUT_GRADIENT] = "dx", [WEIGHTS_GRADIENT] = "dw"};
    static const char *const kinds[] = {[BF16] = "", [WHOLE] = " auto", [CANDIDATES] = " auto16"};
    bool transforms = what != WEIGHTS_GRADIENT; /* the second way of the two other passes is Winograd's */
    bool fits = fits_second[what](a) && !(transforms && a->precision == DR_PRECISION_DIRECT);
    int n = allowed(a, what), rule = by_rule(a, fits, n);
    bool third = what == WEIGHTS_GRADIENT && n > BF16;
    rule = third && rule == SECOND ? BF16 : rule;
    bool other = fits || (what == OUTPUT && n > BF16); /* there is more than one way */
    if (!other || a->I < 8 || a->O < 8 || work(a) < SMALL_WORK || !dr_tune_enabled())
        return rule;

    const dr_conv_geom *g = &a->geom;
    char problem[121];
    int len = snprintf(
        problem, sizeof problem, "conv %s %s%s%s n%lld h%lld w%lld i%lld o%lld oh%lld ow%lld k%dx%d s%d p%d.%d.%d.%d",
        names[what], dr_dtype_name(a->w->dtype), a->w->constant ? " constant" : "", third ? " winograd" : kinds[n],
        (long long)a->N, (long long)a->H, (long long)a->W, (long long)a->I, (long long)a->O, (long long)a->OH,
        (long long)a->OW, g->kh, g->kw, g->stride, g->top, g->left, g->bottom, g->right);
    if (len < 0 || (size_t)len >= sizeof problem)
        return rule;
    int choice = dr_tune_recall(problem, candidates[what], n);
    if (choice < 0)
        choice = measure(problem, args, what, n);
    return choice < 0 ? rule : choice;
}

static dr_status chosen(const dr_conv_args *a, pass what)
{
    return run[what][choose(a, what)](a);
}

dr_status dr_conv_chosen(const dr_conv_args *a)
{
    return chosen(a, OUTPUT);
}

dr_status dr_conv_chosen_dx(const dr_conv_args *a)
{
    return chosen(a, INPUT_GRADIENT);
}

dr_status dr_conv_chosen_dw(const dr_conv_args *a)
{
    return chosen(a, WEIGHTS_GRADIENT);
}
