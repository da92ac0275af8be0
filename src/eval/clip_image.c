#include "eval/clip_image.h"

#include "pipeline/backbone.h"
#include "pipeline/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 4 };

struct dr_clip_image {
    dr_backbone net;
    dr_tape tape;
};

dr_status dr_clip_image_open(dr_clip_image **out, const char *dir)
{
    dr_clip_image *c = *out = calloc(1, sizeof *c);
    dr_status st = c ? dr_tape_init(&c->tape) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_backbone_load(&c->net, DR_BACKBONE_CLIP, dir);
    if (st) {
        dr_clip_image_close(c);
        *out = NULL;
    }
    return st;
}

dr_status dr_clip_image_open_in(dr_clip_image **out, const char *dir)
{
    char path[PATH_MAX];
    *out = NULL;
    dr_status st = dr_backbone_find(DR_BACKBONE_CLIP, dir, path);
    return st ? st : dr_clip_image_open(out, path);
}

void dr_clip_image_close(dr_clip_image *c)
{
    if (!c)
        return;
    dr_tape_clear(&c->tape);
    dr_backbone_unload(&c->net);
    free(c);
}

int dr_clip_image_size(const dr_clip_image *c)
{
    return c->net.net.clip.config.projection;
}

void dr_clip_image_what(const dr_clip_image *c, char out[DR_CLIP_IMAGE_WHAT])
{
    snprintf(out, DR_CLIP_IMAGE_WHAT, "clip %d/%d %08x", c->net.pixels.shortest, (int)c->net.pixels.how,
             dr_backbone_sum(&c->net));
}

/* --- pictures ---------------------------------------------------------------------------------------------- */

/* The middle of the picture, whose shorter edge is made `shortest` pixels long, the other in proportion and rounded
 * down. transformers: int(shortest * long / short), and the crop begins at (edge - crop) // 2. */
static dr_status middle(dr_image *out, const dr_image *im, const dr_clip_pixels *p)
{
    dr_image small;
    bool upright = im->height >= im->width;
    int shorter = upright ? im->width : im->height, longer = upright ? im->height : im->width;
    int other = (int)((int64_t)p->shortest * longer / shorter);
    dr_status st = dr_image_resize(&small, im, upright ? p->shortest : other, upright ? other : p->shortest, p->how);
    if (st)
        return st;
    st = dr_image_crop(out, &small, (small.width - p->crop) / 2, (small.height - p->crop) / 2, p->crop, p->crop);
    dr_image_clear(&small);
    return st;
}

static dr_status put(dr_clip_image *c, const dr_image *im, float *x)
{
    const dr_clip_pixels *p = &c->net.pixels;
    dr_image square;
    DR_ASSERT(im->channels == 3, "a picture of %d channels", im->channels);
    dr_status st = middle(&square, im, p);
    if (st)
        return st;
    for (int i = 0; i < p->crop * p->crop; i++)
        for (int k = 0; k < 3; k++)
            x[3 * i + k] = ((float)square.data[3 * i + k] * p->scale - p->mean[k]) / p->std[k];
    dr_image_clear(&square);
    return DR_OK;
}

static dr_status run(dr_clip_image *c, const dr_image *pictures, int n, float *out)
{
    dr_tape *g = &c->tape;
    int size = c->net.pixels.crop;
    size_t one = 3 * (size_t)size * (size_t)size;
    float *x = dr_arena_alloc(&g->arena, (size_t)n * one * sizeof *x);
    dr_status st = x ? DR_OK : DR_ENOMEM;
    for (int i = 0; i < n && !st; i++)
        st = put(c, &pictures[i], x + (size_t)i * one);
    if (st)
        return st;
    dr_tensor *y = dr_clip_vision_forward(g, &c->net.net.clip, dr_input(g, x, 4, (int64_t[]){n, size, size, 3}));
    st = dr_tape_status(g);
    if (st)
        return st;
    dr_tensor_get(g, y, out);
    return dr_output_check(out, (size_t)n * (size_t)dr_clip_image_size(c), &c->net.params, "CLIP vision tower",
                           c->net.path);
}

static void to_length_one(float *v, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)v[i] * v[i];
    for (int i = 0; i < n && sum > 0; i++)
        v[i] = (float)(v[i] / sqrt(sum));
}

dr_status dr_clip_image_features(dr_clip_image *c, const dr_image *pictures, int n, float *out)
{
    int size = dr_clip_image_size(c);
    dr_status st = DR_OK;
    for (int at = 0; !st && at < n; at += BATCH) {
        int count = n - at < BATCH ? n - at : BATCH;
        st = run(c, pictures + at, count, out + (size_t)at * (size_t)size);
        dr_tape_reset(&c->tape);
    }
    for (int i = 0; !st && i < n; i++)
        to_length_one(out + (size_t)i * (size_t)size, size);
    return st;
}

double dr_clip_image_similarity(const float *a, const float *b, int size)
{
    double sum = 0;
    for (int i = 0; i < size; i++)
        sum += (double)a[i] * b[i];
    return sum;
}
