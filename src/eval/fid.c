#include "eval/fid.h"

#include "pipeline/backbone.h"
#include "pipeline/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE DR_INCEPTION_SIZE

struct dr_fid {
    dr_backbone net;
    dr_tape tape;
    dr_fid_resize how;
};

dr_status dr_fid_open(dr_fid **out, const char *weights, dr_fid_resize how)
{
    dr_fid *f = *out = calloc(1, sizeof *f);
    dr_status st = f ? dr_tape_init(&f->tape) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_backbone_load(&f->net, DR_BACKBONE_INCEPTION, weights);
    if (st) {
        dr_fid_close(f);
        *out = NULL;
        return st;
    }
    f->how = how;
    return DR_OK;
}

dr_status dr_fid_open_in(dr_fid **out, const char *dir, dr_fid_resize how)
{
    char path[PATH_MAX];
    *out = NULL;
    dr_status st = dr_backbone_find(DR_BACKBONE_INCEPTION, dir, path);
    return st ? st : dr_fid_open(out, path, how);
}

void dr_fid_close(dr_fid *f)
{
    if (!f)
        return;
    dr_tape_clear(&f->tape);
    dr_backbone_unload(&f->net);
    free(f);
}

int dr_fid_size(const dr_fid *f)
{
    return f->net.net.inception.config.features;
}

void dr_fid_what(const dr_fid *f, char out[DR_FID_WHAT])
{
    snprintf(out, DR_FID_WHAT, "fid %s %08x", f->how == DR_FID_CLEAN ? "clean" : "pytorch", dr_backbone_sum(&f->net));
}

/* --- pictures ------------------------------------------------------------------------------------------------ */

/* pytorch-fid's: interpolate(mode="bilinear", align_corners=False) of [0,1], times 2, less 1. The last two change
 * nothing about a mean whose weights add up to 1, so they come first. */
static void put_bilinear(dr_tape *g, const dr_image *im, float *values)
{
    int64_t n = (int64_t)im->width * im->height * 3;
    size_t mark = dr_arena_mark(&g->arena), values_mark = dr_arena_mark(&g->values);
    float table[256], *x = dr_arena_alloc(&g->arena, (size_t)n * sizeof *x);
    for (int v = 0; v < 256; v++)
        table[v] = 2 * ((float)v / 255) - 1;
    for (int64_t i = 0; x && i < n; i++)
        x[i] = table[im->data[i]];
    float *from = x ? dr_put(g, x, (size_t)n * sizeof *x) : NULL;
    if (from)
        g->ops->resize_bilinear(1, im->height, im->width, 3, SIZE, SIZE, from, values);
    else
        dr_tape_fail(g, DR_ENOMEM);
    dr_arena_rewind(&g->values, values_mark);
    dr_arena_rewind(&g->arena, mark);
}

/* clean-fid's. */
static void put_bicubic(dr_tape *g, const dr_image *im, float *values)
{
    float *x;
    dr_status st = dr_image_resize_float(&x, im, SIZE, SIZE, DR_BICUBIC);
    if (st) {
        dr_tape_fail(g, st);
        return;
    }
    for (int i = 0; i < SIZE * SIZE * 3; i++)
        x[i] = (fminf(fmaxf(x[i], 0), 255) - 128) / 128;
    g->ops->put(values, x, SIZE * SIZE * 3 * sizeof *x);
    free(x);
}

static dr_status run(dr_fid *f, const dr_image *pictures, int n, float *out)
{
    dr_tape *g = &f->tape;
    dr_tensor *x = dr_new4(g, n, SIZE, SIZE, 3);
    for (int i = 0; i < n && !g->status; i++) {
        DR_ASSERT(pictures[i].channels == 3, "a picture of %d channels", pictures[i].channels);
        (f->how == DR_FID_CLEAN ? put_bicubic : put_bilinear)(g, &pictures[i], dr_f32(x) + (size_t)i * SIZE * SIZE * 3);
    }
    dr_tensor *y = dr_inception_forward(g, &f->net.net.inception, x);
    dr_status st = dr_tape_status(g);
    if (st)
        return st;
    dr_tensor_get(g, y, out);
    return dr_output_check(out, (size_t)n * (size_t)dr_fid_size(f), &f->net.params, "Inception", f->net.path);
}

dr_status dr_fid_features(dr_fid *f, const dr_image *pictures, int n, float *out)
{
    dr_status st = DR_OK;
    for (int at = 0; !st && at < n; at += DR_FID_BATCH) {
        int count = n - at < DR_FID_BATCH ? n - at : DR_FID_BATCH;
        st = run(f, pictures + at, count, out + (size_t)at * (size_t)dr_fid_size(f));
        dr_tape_reset(&f->tape);
    }
    return st;
}
