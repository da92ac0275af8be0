/* Steps on latents that the net made: outside the mask the picture is to be the photo, inside it anything that a critic
 * takes for a photo, as long as large patches keep their colour, but for a band along its edge. What folds and weave
 * are to look like no photo says: the latents are not a photo's. */
#include "mini/vae_run.h"

#include "autograd/adversarial.h"
#include "autograd/functions.h"
#include "autograd/losses.h"
#include "learn/draw.h"
#include "mask/mask_shape.h"

#include <string.h>

#define STREAM_MADE 3 /* of dr_draw: which entries; others are in vae_step.c */
#define STREAM_CRITIC 13
#define STREAM_PULL 15
#define PATCH 4 /* halvings to a patch whose colour is kept: 16 pixels */
#define PATCH_WEIGHT 4
#define BAND 10 /* pixels along the mask's edge where colours are free: nets leave halos there */
#define EPS 0.01f

typedef struct made_batch {
    int64_t N;
    dr_tensor *latents;      /* [N,cells,cells,channels] */
    dr_tensor *photo, *calm; /* [N,size,size,3]; calm: what patches are compared with, outside the core themselves */
    /* The picture inside the mask, the photo around it: what the critic is shown, and what pixels are compared with,
     * so inside the mask with themselves. */
    dr_tensor *shown;
    uint8_t *mask, *core; /* [N][MINI_PIXELS]; core: the mask without the band along its edge */
} made_batch;

static dr_status new_batch(vae_run *r, made_batch *b)
{
    const mini_made_head *h = &r->made.head;
    dr_tape *g = &r->tape;
    b->N = ((int64_t)r->o->batch * r->o->crop * r->o->crop + MINI_PIXELS - 1) / MINI_PIXELS; /* about as many pixels */
    b->latents = dr_new4(g, b->N, h->cells, h->cells, h->channels);
    dr_tensor **pictures[] = {&b->photo, &b->calm, &b->shown};
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        *pictures[i] = dr_new4(g, b->N, MINI_SIZE, MINI_SIZE, 3);
    b->mask = dr_arena_alloc(&g->arena, (size_t)b->N * MINI_PIXELS);
    b->core = dr_arena_alloc(&g->arena, (size_t)b->N * MINI_PIXELS);
    return g->status ? g->status : b->mask && b->core ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
}

static dr_status put(made_batch *b, int64_t n, const mini_made_entry *e)
{
    int64_t latents = dr_numel(b->latents) / b->N;
    float *photo = dr_f32(b->photo) + n * MINI_PIXELS * 3, *calm = dr_f32(b->calm) + n * MINI_PIXELS * 3;
    for (int64_t i = 0; i < latents; i++)
        dr_f32(b->latents)[n * latents + i] = dr_f16_to_f32(e->latents[i]);
    for (int64_t i = 0; i < (int64_t)MINI_PIXELS * 3; i++) {
        photo[i] = (float)e->photo[i] / 127.5f - 1;
        calm[i] = (float)e->calm[i] / 127.5f - 1;
    }
    memcpy(b->mask + n * MINI_PIXELS, e->mask, sizeof e->mask);
    memcpy(b->core + n * MINI_PIXELS, e->mask, sizeof e->mask);
    dr_image core = {.data = b->core + n * MINI_PIXELS, .width = MINI_SIZE, .height = MINI_SIZE, .channels = 1};
    return dr_mask_grow(&core, -BAND);
}

static dr_status fill(vae_run *r, made_batch *b)
{
    dr_rng rng;
    dr_status st = new_batch(r, b);
    dr_draw(&rng, r->o->seed, r->c.step, STREAM_MADE);
    for (int64_t n = 0; !st && n < b->N; n++)
        st = put(b, n, mini_made_get(&r->made, dr_rng_below(&rng, r->made.head.count)));
    return st;
}

/* `inside` where the mask [N][MINI_PIXELS] is, else `outside`. */
static void compose(const made_batch *b, const uint8_t *mask, const float *inside, const float *outside, float *to)
{
    for (int64_t i = 0; i < b->N * MINI_PIXELS; i++)
        memmove(to + i * 3, (mask[i] ? inside : outside) + i * 3, 3 * sizeof *to);
}

static dr_tensor *patches(dr_tape *g, dr_tensor *x)
{
    for (int i = 0; i < PATCH; i++)
        x = dr_resize_bilinear(g, x, x->dim[1] / 2, x->dim[2] / 2);
    return x;
}

static dr_status losses(vae_run *r, const made_batch *b, dr_tensor *made, float *gradient, vae_report *report)
{
    dr_tape *g = &r->loss_tape;
    dr_tape_reset(g);
    g->recording = true;
    dr_tensor *y = dr_wrap(g, dr_f32(made), 4, made->dim), *x = dr_wrap(g, dr_f32(b->shown), 4, made->dim);
    dr_tensor *calm = dr_wrap(g, dr_f32(b->calm), 4, made->dim);
    y->needs_grad = true;
    y->grad = gradient;
    dr_tensor *pixels = dr_charbonnier(g, y, x, EPS), *squares = dr_mse(g, y, x, NULL);
    dr_tensor *colour = dr_mse(g, patches(g, y), patches(g, calm), NULL);
    dr_tensor *loss = dr_add(g, pixels, dr_scale(g, squares, (float)r->o->square_weight));
    loss = dr_add(g, loss, dr_scale(g, colour, PATCH_WEIGHT));
    dr_status st = dr_tape_status(g);
    if (!st) {
        report->loss = (double)dr_f32(loss)[0];
        report->pixels = (double)dr_f32(pixels)[0];
        report->squares = (double)dr_f32(squares)[0];
        report->colour = (double)dr_f32(colour)[0];
        st = dr_backward(g, loss, 1);
    }
    g->recording = false;
    return st;
}

/* The critic's pull, inside the mask. Its features are not matched: what the photo has there is another garment's. */
static dr_status pull(vae_run *r, const made_batch *b, float *gradient, vae_report *report)
{
    double features = r->adversary.o.features;
    size_t n = dr_nbytes(b->photo);
    float *pulled = dr_arena_alloc(&r->tape.arena, n);
    if (!pulled)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_rng rng;
    dr_draw(&rng, r->o->seed, r->c.step, STREAM_PULL);
    memcpy(pulled, gradient, n);
    r->adversary.o.features = 0;
    dr_status st = mini_adversary_pull(&r->adversary, b->shown, b->photo, &rng, pulled, &report->critic);
    r->adversary.o.features = features;
    compose(b, b->mask, pulled, gradient, gradient);
    return st;
}

dr_status vae_made_gradients(vae_run *r, vae_report *report)
{
    dr_tape *g = &r->tape;
    made_batch b;
    dr_rng rng;
    dr_tape_reset(g);
    dr_status st = fill(r, &b);
    if (st)
        return st;
    g->recording = true;
    dr_tensor *y = dr_vae_decode(g, &r->net, b.latents);
    float *gradient = dr_arena_zalloc(&g->arena, dr_nbytes(y));
    st = dr_tape_status(g);
    if (!st && !gradient)
        st = dr_fail(DR_ENOMEM, "out of memory");
    if (!st) {
        compose(&b, b.mask, dr_f32(y), dr_f32(b.photo), dr_f32(b.shown));
        compose(&b, b.core, dr_f32(b.calm), dr_f32(b.shown), dr_f32(b.calm));
        st = losses(r, &b, y, gradient, report);
    }
    if (!st)
        st = dr_training_check(&r->t, "the loss", report->loss);
    if (!st)
        st = pull(r, &b, gradient, report);
    if (!st)
        st = dr_backward(g, dr_inner(g, y, gradient), 1);
    g->recording = false;
    dr_draw(&rng, r->o->seed, r->c.step, STREAM_CRITIC);
    return st ? st : mini_adversary_learn(&r->adversary, b.shown, b.photo, &rng, &report->critic);
}
