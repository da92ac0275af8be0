/* Model, optimizer, loss, and one step. */
#include "mini/vae_run.h"

#include "autograd/adversarial.h"
#include "autograd/functions.h"
#include "autograd/gaussian.h"
#include "autograd/losses.h"
#include "base/file.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/threads.h"
#include "learn/draw.h"
#include "learn/lr.h"
#include "pipeline/folder.h"
#include "pipeline/models.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SCALES 3       /* of edges: whole, half and quarter size */
#define EPS 0.01f      /* of Charbonnier: one and a quarter of 255 steps */
#define STREAM_NOISE 1 /* of dr_draw; crops are stream 0 */
#define STREAM_VIVID 2
#define STREAM_WEIGHTS 11 /* far from those: seeds of steps and weights do not meet */
#define STREAM_CRITIC 12
#define STREAM_PULL 14

/* Judges patches of 38 and of 78 pixels, by what it sees in 4 to 46: weave, hems, folds. */
static const mini_critic_config critic_config = {
    .in = 3, .layers = 4, .width = {32, 64, 96, 128}, .stride = {2, 2, 2, 2}};

/* --- setting up --------------------------------------------------------------------------------- */

static dr_status make_model(vae_run *r)
{
    dr_vae_config c;
    dr_status st = dr_vae_config_parse(&c, r->config, r->o->config);
    if (!st && (!c.quant || !c.post_quant))
        st = dr_fail(DR_EINVAL, "'%s' has no quant_conv or post_quant_conv, whose weights bring the latents to scale",
                     r->o->config);
    if (!st && r->o->crop % (dr_vae_factor(&c) * (1 << (SCALES - 1))) != 0)
        st = dr_fail(DR_EINVAL, "crops of %d pixels do not divide by %d; choose another --crop", r->o->crop,
                     dr_vae_factor(&c) * (1 << (SCALES - 1)));
    if (!st)
        st = dr_params_init(&r->params);
    return st ? st : dr_vae_init(&r->net, &c, &r->params);
}

/* Turns the three channels of the first convolution's inputs (axis 1 of [O,I,k,k]) or the last one's outputs (axis 0)
 * into grey and two opponent colours, these `strength` times as strong. Of random weights nearly all that comes through
 * is grey, as the channels are much alike; what norms leave of the colours is too faint to be found for thousands of
 * steps. */
static void strengthen_colours(dr_tensor *w, int axis, float strength)
{
    static const float basis[3][3] = {
        {0.57735f, 0.57735f, 0.57735f}, {0.70711f, -0.70711f, 0}, {-0.40825f, -0.40825f, 0.8165f}};
    int64_t taps = w->dim[2] * w->dim[3], stride = axis == 1 ? taps : w->dim[1] * taps;
    int64_t outer = axis == 1 ? w->dim[0] : 1, inner = axis == 1 ? taps : stride;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            float *p = dr_f32(w) + o * 3 * stride + i, mixed[3] = {0};
            for (int k = 0; k < 3; k++)
                for (int c = 0; c < 3; c++)
                    mixed[c] += p[k * stride] * basis[k][c] * (k ? strength : 1);
            for (int c = 0; c < 3; c++)
                p[c * stride] = mixed[c];
        }
    dr_weight_unpack(w);
}

static dr_status open_made(vae_run *r)
{
    const vae_options *o = r->o;
    const dr_vae_config *c = &r->net.config;
    if (!o->made)
        return DR_OK;
    if (!o->freeze_encoder || o->adversary.pull <= 0)
        return dr_fail(DR_EINVAL, "--made needs --freeze-encoder and --pull: it is for a decoder and its critic");
    dr_status st = mini_made_open(&r->made, o->made);
    const mini_made_head *h = &r->made.head;
    if (!st && (c->latent != h->channels || dr_vae_factor(c) * h->cells != MINI_SIZE))
        st = dr_fail(DR_EINVAL, "'%s' has latents of %dx%dx%d for a picture, '%s' of %dx%dx%d", o->config,
                     MINI_SIZE / dr_vae_factor(c), MINI_SIZE / dr_vae_factor(c), c->latent, o->made, h->cells, h->cells,
                     h->channels);
    return st;
}

static dr_status open_training(vae_run *r)
{
    const vae_options *o = r->o;
    r->t = (dr_training){.part = {{.params = &r->params,
                                   .prefix = "",
                                   .folder = "",
                                   .file = "diffusion_pytorch_model.safetensors",
                                   .rules = &dr_weights_vae}},
                         .parts = 1};
    r->c = (dr_checkpoint){.output = o->output,
                           .training = {&r->t},
                           .trainings = 1,
                           .keep = 1,
                           .format = 1,
                           .run = vae_fingerprint(r),
                           .own = json_object()};
    dr_status st = r->c.run && r->c.own ? dr_checkpoint_start(&r->c, o->resume) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_checkpoint_weights(&r->c, &r->t, o->init, o->seed + STREAM_WEIGHTS);
    if (!st && r->c.step == 0 && !o->init) {
        strengthen_colours(r->net.encoder.conv_in.w, 1, 4);
        strengthen_colours(r->net.decoder.conv_out.w, 0, 2);
    }
    /* without decay, parameters that get no gradient stay what they are */
    double decay = o->freeze_encoder ? 0 : o->weight_decay;
    if (!st)
        st = dr_training_init(&r->t, &(dr_training_options){.adamw = {0.9, 0.99, 1e-8, decay, false},
                                                            .max_norm = o->max_norm,
                                                            .average = true,
                                                            .ema_decay = o->ema_decay,
                                                            .rate_flag = "--lr"});
    if (!st)
        st = dr_checkpoint_moments(&r->c, &r->t);
    if (!st && o->adversary.pull > 0)
        st = mini_adversary_open(&r->adversary, &o->adversary, &critic_config, &r->c, o->seed + STREAM_CRITIC);
    return st;
}

static dr_status open_log(vae_run *r)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, r->o->output, "train.jsonl");
    return st ? st : dr_jsonl_open(&r->log, path, r->c.step ? r->c.step : -1);
}

dr_status vae_run_open(vae_run *r, const vae_options *o)
{
    *r = (vae_run){.o = o, .log.fd = -1};
    dr_set_threads(o->threads);
    dr_status st = dr_mkdirs(o->output);
    if (!st)
        st = dr_json_load(o->config, &r->config);
    if (!st)
        st = make_model(r);
    if (!st)
        st = open_made(r);
    if (!st)
        st = open_training(r);
    if (!st)
        st = mini_photos_open(&r->train, o->photos, MINI_TRAIN, o->photo_limit);
    if (!st)
        st = mini_photos_open(&r->test, o->photos, MINI_TEST, o->look_photos);
    if (!st && !(r->crop = calloc((size_t)o->batch, sizeof *r->crop)))
        st = dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_tape_init(&r->tape);
    if (!st)
        st = dr_tape_init(&r->loss_tape);
    r->tape.precision = o->exact ? DR_PRECISION_EXACT : DR_PRECISION_AUTO;
    return st ? st : open_log(r);
}

void vae_run_close(vae_run *r)
{
    dr_jsonl_close(&r->log);
    mini_adversary_close(&r->adversary);
    dr_tape_clear(&r->loss_tape);
    dr_tape_clear(&r->tape);
    dr_training_clear(&r->t);
    dr_checkpoint_clear(&r->c);
    dr_params_clear(&r->params);
    free(r->crop);
    mini_photos_clear(&r->train);
    mini_photos_clear(&r->test);
    mini_made_close(&r->made);
    json_decref(r->config);
}

/* --- a step ------------------------------------------------------------------------------------- */

/* Turns the hues of a crop and strengthens its colours. Street clothes are mostly grey: left to itself the net spends
 * all its channels on detail and gives every photo back in shades of grey. */
static void make_vivid(float *p, int64_t pixels, float turn, float strength)
{
    float c = strength * cosf(turn), s = strength * sinf(turn);
    for (int64_t i = 0; i < pixels; i++, p += 3) {
        float grey = 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2], u = p[2] - grey, v = p[0] - grey;
        float u2 = c * u - s * v, v2 = s * u + c * v;
        p[0] = fminf(fmaxf(grey + v2, -1), 1);
        p[1] = fminf(fmaxf(grey - (0.299f * v2 + 0.114f * u2) / 0.587f, -1), 1);
        p[2] = fminf(fmaxf(grey + u2, -1), 1);
    }
}

static void make_some_vivid(const vae_run *r, float *x)
{
    const vae_options *o = r->o;
    dr_rng rng;
    dr_draw(&rng, o->seed, r->c.step, STREAM_VIVID);
    for (int i = 0; i < o->batch; i++) {
        bool wanted = (double)dr_rng_uniform(&rng) < o->vivid;
        float turn = 6.2831853f * dr_rng_uniform(&rng), strength = 1 + 1.5f * dr_rng_uniform(&rng);
        if (wanted)
            make_vivid(x + (int64_t)i * o->crop * o->crop * 3, (int64_t)o->crop * o->crop, turn, strength);
    }
}

/* The batch of a step, and the noise of its draws from the posterior. */
static dr_status fill(vae_run *r, dr_tensor **x, dr_tensor **noise)
{
    const vae_options *o = r->o;
    int64_t cells = o->crop / dr_vae_factor(&r->net.config);
    dr_rng rng;
    *x = dr_new4(&r->tape, o->batch, o->crop, o->crop, 3);
    *noise = dr_new4(&r->tape, o->batch, cells, cells, r->net.config.latent);
    if (r->tape.status)
        return dr_tape_status(&r->tape);
    dr_draw(&rng, o->seed, r->c.step, STREAM_NOISE);
    dr_rng_normal(&rng, dr_f32(*noise), (size_t)dr_numel(*noise));
    mini_crops_draw(&r->train, o->seed, r->c.step, o->batch, o->crop, o->frame, r->crop);
    dr_status st = mini_crops_load(&r->train, r->crop, o->batch, o->crop, dr_f32(*x));
    if (!st)
        make_some_vivid(r, dr_f32(*x));
    return st;
}

/* Edges at whole, half and quarter size, added up. */
static dr_tensor *edge_loss(dr_tape *g, dr_tensor *y, dr_tensor *x)
{
    dr_tensor *sum = dr_edge_charbonnier(g, y, x, EPS);
    for (int i = 1; i < SCALES; i++) {
        y = dr_resize_bilinear(g, y, y->dim[1] / 2, y->dim[2] / 2); /* the mean of 2x2 */
        x = dr_resize_bilinear(g, x, x->dim[1] / 2, x->dim[2] / 2);
        sum = dr_add(g, sum, dr_edge_charbonnier(g, y, x, EPS));
    }
    return sum;
}

static dr_tensor *eighth(dr_tape *g, dr_tensor *x)
{
    for (int i = 0; i < 3; i++)
        x = dr_resize_bilinear(g, x, x->dim[1] / 2, x->dim[2] / 2);
    return x;
}

/* Red against green and yellow against blue, of 8x8 pixels together: that is as fine as eyes care, and few numbers.
 * Squared: what is far off is pulled hardest, so that strong colours are learnt first. */
static dr_tensor *colour_loss(dr_tape *g, dr_tensor *y, dr_tensor *x)
{
    static float opponents[6] = {1, -1, 0, -0.5f, -0.5f, 1};
    dr_tensor *w = dr_wrap(g, opponents, 2, (int64_t[]){2, 3});
    return dr_mse(g, dr_linear(g, eighth(g, y), w, NULL, NULL), dr_linear(g, eighth(g, x), w, NULL, NULL), NULL);
}

/* Of what is between picture and photo: the gradient at the picture, and what the report says of it. */
static dr_status picture_losses(vae_run *r, dr_tensor *made, dr_tensor *photo, float *gradient, vae_report *report)
{
    const vae_options *o = r->o;
    dr_tape *g = &r->loss_tape;
    dr_tape_reset(g);
    g->recording = true;
    dr_tensor *y = dr_wrap(g, dr_f32(made), 4, made->dim), *x = dr_wrap(g, dr_f32(photo), 4, photo->dim);
    y->needs_grad = true;
    y->grad = gradient;
    dr_tensor *pixels = dr_charbonnier(g, y, x, EPS), *edges = edge_loss(g, y, x);
    dr_tensor *colour = colour_loss(g, y, x), *squares = dr_mse(g, y, x, NULL);
    dr_tensor *loss = dr_add(g, pixels, dr_scale(g, edges, (float)o->edge_weight));
    loss = dr_add(g, loss, dr_scale(g, squares, (float)o->square_weight));
    loss = dr_add(g, loss, dr_scale(g, colour, (float)o->colour_weight));
    dr_status st = dr_tape_status(g);
    if (!st) {
        report->loss = (double)dr_f32(loss)[0];
        report->pixels = (double)dr_f32(pixels)[0];
        report->edges = (double)dr_f32(edges)[0];
        report->squares = (double)dr_f32(squares)[0];
        report->colour = (double)dr_f32(colour)[0];
        st = dr_backward(g, loss, 1);
    }
    g->recording = false;
    return st;
}

/* The way from photos to pictures, as far as it is to learn: all of it, or from the latents on. *kl is NULL then. */
static dr_tensor *forward(vae_run *r, dr_tensor *x, dr_tensor *noise, dr_tensor **kl)
{
    dr_tape *g = &r->tape;
    const vae_options *o = r->o;
    *kl = NULL;
    g->recording = !o->freeze_encoder;
    dr_tensor *moments = dr_vae_encode(g, &r->net, x);
    if (!o->freeze_encoder) {
        *kl = dr_gaussian_kl(g, moments);
        return dr_vae_decode(g, &r->net, dr_gaussian_sample(g, moments, noise));
    }
    dr_tensor *z = dr_add(g, dr_slice(g, moments, 0, r->net.config.latent), dr_scale(g, noise, (float)o->latent_noise));
    g->recording = true;
    return dr_vae_decode(g, &r->net, z);
}

static dr_status critic_step(vae_run *r, dr_tensor *made, dr_tensor *photo, vae_report *report)
{
    dr_rng rng;
    dr_draw(&rng, r->o->seed, r->c.step, STREAM_CRITIC);
    return mini_adversary_learn(&r->adversary, made, photo, &rng, &report->critic);
}

static dr_status pull(vae_run *r, dr_tensor *made, dr_tensor *photo, float *gradient, vae_report *report)
{
    dr_rng rng;
    dr_draw(&rng, r->o->seed, r->c.step, STREAM_PULL);
    return mini_adversary_pull(&r->adversary, made, photo, &rng, gradient, &report->critic);
}

/* Forward and back; the gradients are in the parameters' buffers. */
static dr_status gradients(vae_run *r, vae_report *report)
{
    dr_tape *g = &r->tape;
    dr_tensor *x, *noise, *kl;
    bool rivals = r->o->adversary.pull > 0;
    dr_tape_reset(g);
    dr_status st = fill(r, &x, &noise);
    if (st)
        return st;
    dr_tensor *y = forward(r, x, noise, &kl);
    float *gradient = dr_arena_zalloc(&g->arena, dr_nbytes(y));
    st = dr_tape_status(g);
    if (!st && !gradient)
        st = dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = picture_losses(r, y, x, gradient, report);
    if (!st)
        st = dr_training_check(&r->t, "the loss", report->loss);
    if (!st && rivals)
        st = pull(r, y, x, gradient, report);
    if (st)
        return st;
    dr_tensor *loss = dr_inner(g, y, gradient);
    if (kl) {
        loss = dr_add(g, loss, dr_scale(g, kl, (float)r->o->kl_weight));
        report->kl = (double)dr_f32(kl)[0];
    }
    st = dr_backward(g, loss, 1);
    g->recording = false;
    return !st && rivals ? critic_step(r, y, x, report) : st;
}

dr_status vae_run_step(vae_run *r, vae_report *report)
{
    double t0 = dr_now();
    report->lr = dr_lr_trapezoid(r->o->lr, r->c.step, r->o->steps, r->o->warmup, r->o->cool);
    dr_training_begin(&r->t, &r->tape, report->lr);
    dr_status st = r->made.head.count && r->c.step % 2 ? vae_made_gradients(r, report) : gradients(r, report);
    if (!st)
        st = dr_training_end(&r->t, &r->tape, &report->norm);
    if (st)
        return st;
    r->c.step++;
    report->seconds = dr_now() - t0;
    return DR_OK;
}
