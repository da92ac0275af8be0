#include "eval/lpips.h"

#include "pipeline/backbone.h"
#include "pipeline/models.h"

#include <math.h>
#include <stdlib.h>

struct dr_lpips {
    dr_backbone net, lin;
    dr_tape tape;
};

static const struct {
    dr_backbone_kind net, lin;
} files[] = {[DR_LPIPS_ALEX] = {DR_BACKBONE_ALEXNET, DR_BACKBONE_LPIPS_ALEX},
             [DR_LPIPS_VGG] = {DR_BACKBONE_VGG16, DR_BACKBONE_LPIPS_VGG},
             [DR_LPIPS_SQUEEZE] = {DR_BACKBONE_SQUEEZENET, DR_BACKBONE_LPIPS_SQUEEZE}};

/* --- opening --------------------------------------------------------------------------------------------- */

static dr_status check_widths(const dr_lpips *l)
{
    const dr_feature_net *m = &l->net.net.features;
    for (int i = 0; i < m->slices; i++) {
        int64_t have = i < l->lin.lins ? l->lin.net.lin[i].w->dim[1] : 0;
        if (have != m->channels[i])
            return dr_fail(DR_EINVAL,
                           "cannot use '%s' with '%s': slice %d of the net has %d channels, the weights %lld",
                           l->lin.path, l->net.path, i, m->channels[i], (long long)have);
    }
    return DR_OK;
}

dr_status dr_lpips_open(dr_lpips **out, dr_lpips_net kind, const char *net, const char *lin)
{
    dr_lpips *l = *out = calloc(1, sizeof *l);
    dr_status st = l ? dr_tape_init(&l->tape) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_backbone_load(&l->net, files[kind].net, net);
    if (!st)
        st = dr_backbone_load(&l->lin, files[kind].lin, lin);
    if (!st)
        st = check_widths(l);
    if (st) {
        dr_lpips_close(l);
        *out = NULL;
    }
    return st;
}

dr_status dr_lpips_open_in(dr_lpips **out, dr_lpips_net kind, const char *dir)
{
    char net[PATH_MAX], lin[PATH_MAX];
    *out = NULL;
    dr_status st = dr_backbone_find(files[kind].net, dir, net);
    if (!st)
        st = dr_backbone_find(files[kind].lin, dir, lin);
    return st ? st : dr_lpips_open(out, kind, net, lin);
}

void dr_lpips_close(dr_lpips *l)
{
    if (!l)
        return;
    dr_tape_clear(&l->tape);
    dr_backbone_unload(&l->net);
    dr_backbone_unload(&l->lin);
    free(l);
}

/* --- pictures to the net's input ------------------------------------------------------------------------- */

/* Both, to [-1,1] and through the scaling layer: [2,H,W,3]. */
static dr_tensor *pixels(dr_tape *g, const dr_image *a, const dr_image *b)
{
    static const double shift[3] = {-.030, -.088, -.188}, scale[3] = {.458, .448, .450};
    float table[256][3];
    size_t n = (size_t)a->width * (size_t)a->height;
    float *x = dr_arena_alloc(&g->arena, 6 * n * sizeof *x);
    if (!x) {
        dr_tape_fail(g, DR_ENOMEM);
        return &g->dummy;
    }
    for (int v = 0; v < 256; v++)
        for (int c = 0; c < 3; c++)
            table[v][c] = (float)((v / 127.5 - 1 - shift[c]) / scale[c]);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++) {
            x[3 * i + c] = table[a->data[3 * i + c]][c];
            x[3 * (n + i) + c] = table[b->data[3 * i + c]][c];
        }
    return dr_input(g, x, 4, (int64_t[]){2, a->height, a->width, 3});
}

/* --- one slice ----------------------------------------------------------------------------------------------- */

static double length(const float *f, int64_t C)
{
    double sum = 0;
    for (int64_t c = 0; c < C; c++)
        sum += (double)f[c] * f[c];
    return sqrt(sum);
}

/* Of every place of features [2,places,C]: the weighted squared difference of both, of length 1 each. */
static void difference(float *map, const float *f, const float *w, int64_t places, int64_t C)
{
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < places; p++) {
        const float *a = f + p * C, *b = a + places * C;
        double la = 1 / (length(a, C) + 1e-10), lb = 1 / (length(b, C) + 1e-10), sum = 0;
        for (int64_t c = 0; c < C; c++) {
            double d = a[c] * la - b[c] * lb;
            sum += w[c] * d * d;
        }
        map[p] = (float)sum;
    }
}

/* Adds the map, enlarged to the mask's size as torch's bilinear does, over both areas. */
static void add_areas(dr_tape *g, const float *map, int64_t h, int64_t w, const dr_image *mask, double *in, double *out)
{
    dr_tensor *small = dr_input(g, map, 4, (int64_t[]){1, h, w, 1});
    dr_tensor *large = dr_resize_bilinear(g, small, mask->height, mask->width);
    int64_t n = (int64_t)mask->width * mask->height;
    float *v = dr_arena_alloc(&g->arena, (size_t)n * sizeof *v);
    if (!v)
        dr_tape_fail(g, DR_ENOMEM);
    if (dr_tape_status(g))
        return;
    dr_tensor_get(g, large, v);
    for (int64_t i = 0; i < n; i++)
        *(mask->data[i] >= 128 ? in : out) += v[i];
}

/* What slice `i` adds: to the distance, and to the sums over the areas. */
static void add_slice(dr_lpips *l, const dr_tensor *f, int i, const dr_image *mask, dr_measured *sum)
{
    dr_tape *g = &l->tape;
    int64_t h = f->dim[1], w = f->dim[2], C = f->dim[3];
    const dr_tensor *lin = l->lin.net.lin[i].w;
    size_t mark = dr_arena_mark(&g->arena);
    float *host = dr_arena_alloc(&g->arena, dr_nbytes(f)),
          *weight = dr_arena_alloc(&g->arena, (size_t)C * sizeof *weight);
    float *map = dr_arena_alloc(&g->arena, (size_t)(h * w) * sizeof *map);
    if (!host || !weight || !map) {
        dr_tape_fail(g, DR_ENOMEM);
        return;
    }
    dr_tensor_get(g, f, host);
    dr_tensor *wide = dr_new2(g, 1, C); /* the file's may be of 16 bits */
    if (!g->status)
        g->ops->convert(C, lin->dtype, lin->data, dr_f32(wide));
    dr_tensor_get(g, wide, weight);
    if (dr_tape_status(g))
        return;
    difference(map, host, weight, h * w, C);
    double mean = 0;
    for (int64_t p = 0; p < h * w; p++)
        mean += map[p];
    sum->all += mean / (double)(h * w);
    if (mask)
        add_areas(g, map, h, w, mask, &sum->inside, &sum->outside);
    dr_arena_rewind(&g->arena, mark);
}

/* --- the whole ---------------------------------------------------------------------------------------------- */

static dr_status measure(dr_lpips *l, const dr_image *a, const dr_image *b, const dr_image *mask, dr_measured *sum)
{
    dr_tape *g = &l->tape;
    const dr_feature_net *m = &l->net.net.features;
    dr_tensor *slice[DR_FEATURE_SLICES];
    dr_feature_forward(g, m, pixels(g, a, b), slice);
    dr_status st = dr_tape_status(g);
    for (int i = 0; !st && i < m->slices; i++) {
        add_slice(l, slice[i], i, mask, sum);
        st = dr_tape_status(g);
    }
    return st;
}

dr_status dr_lpips_distance(dr_lpips *l, const dr_image *a, const dr_image *b, const dr_image *mask, dr_measured *out)
{
    DR_ASSERT(a->channels == 3 && b->channels == 3 && a->width == b->width && a->height == b->height,
              "pictures of %dx%d and %dx%d", a->width, a->height, b->width, b->height);
    dr_feature_kind kind = l->net.net.features.config.kind;
    int least = dr_feature_least(kind);
    if (a->width < least || a->height < least)
        return dr_fail(DR_EINVAL, "LPIPS by %s needs pictures of at least %dx%d pixels, these have %dx%d",
                       dr_feature_name(kind), least, least, a->width, a->height);
    int64_t n = (int64_t)a->width * a->height, inside = 0;
    for (int64_t i = 0; mask && i < n; i++)
        inside += mask->data[i] >= 128;
    dr_measured sum = {0};
    dr_status st = measure(l, a, b, mask, &sum);
    dr_tape_reset(&l->tape);
    if (st)
        return st;
    *out = (dr_measured){.all = sum.all,
                         .inside = mask && inside > 0 ? sum.inside / (double)inside : NAN,
                         .outside = mask && inside < n ? sum.outside / (double)(n - inside) : NAN};
    float check = (float)sum.all;
    return dr_output_check(&check, 1, &l->net.params, dr_feature_name(kind), l->net.path);
}
