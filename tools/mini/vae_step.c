/* Model, optimizer, loss, and one step. */
#include "mini/vae_run.h"

#include "autograd/functions.h"
#include "autograd/gaussian.h"
#include "autograd/losses.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/threads.h"
#include "pipeline/folder.h"
#include "pipeline/models.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SCALES 3          /* of edges: whole, half and quarter size */
#define EPS 0.01f         /* of Charbonnier: one and a quarter of 255 steps */
#define STREAM_NOISE 1    /* of mini_rng; crops are stream 0 */
#define STREAM_WEIGHTS 11 /* far from those: seeds of steps and weights do not meet */

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
    if (!st)
        st = dr_vae_init(&r->net, &c, &r->params);
    if (st)
        return st;
    st = r->step ? vae_checkpoint_read_weights(r) : dr_weights_random(&r->params, DR_F32, r->o->seed + STREAM_WEIGHTS);
    return st ? st : dr_params_make_trainable(&r->params);
}

/* The list of what is trained, its gradients in one flat buffer, moments and average. */
static dr_status make_optimizer(vae_run *r)
{
    r->count = r->params.count;
    r->trained = calloc(r->count, sizeof(dr_tensor *));
    r->prefix = calloc(r->count, sizeof *r->prefix);
    r->gradients_size = (size_t)dr_params_numel(&r->params) * sizeof(float);
    r->gradients = calloc(1, r->gradients_size);
    if (!r->trained || !r->prefix || !r->gradients)
        return dr_fail(DR_ENOMEM, "out of memory: %zu MiB for gradients", r->gradients_size >> 20);
    float *at = r->gradients;
    size_t i = 0;
    for (dr_param *q = r->params.first; q; q = q->next, i++) {
        r->trained[i] = &q->t;
        r->prefix[i] = "";
        q->t.grad = at;
        at += dr_numel(&q->t);
    }
    dr_adamw_options a = {0.9, 0.99, 1e-8, r->o->weight_decay, false};
    dr_status st = dr_adamw_init(&r->adamw, &a, r->trained, r->count);
    if (!st)
        st = dr_ema_init(&r->ema, r->trained, r->count, r->o->ema_decay);
    return !st && r->step ? vae_checkpoint_read_moments(r) : st;
}

static dr_status open_log(vae_run *r)
{
    char path[PATH_MAX];
    dr_status st = dr_folder_path(path, sizeof path, r->o->output, "", "train.jsonl");
    return st ? st : dr_jsonl_open(&r->log, path, r->step ? r->step : -1);
}

dr_status vae_run_open(vae_run *r, const vae_options *o)
{
    *r = (vae_run){.o = o, .log.fd = -1};
    dr_set_threads(o->threads);
    dr_status st = dr_mkdirs(o->output);
    if (!st)
        st = dr_json_load(o->config, &r->config);
    if (!st)
        st = vae_checkpoint_find(r);
    if (!st)
        st = make_model(r);
    if (!st)
        st = mini_photos_open(&r->train, o->photos, MINI_TRAIN, o->photo_limit);
    if (!st)
        st = mini_photos_open(&r->test, o->photos, MINI_TEST, o->look_photos);
    if (!st)
        st = make_optimizer(r);
    if (!st && !(r->crop = calloc((size_t)o->batch, sizeof *r->crop)))
        st = dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_tape_init(&r->tape);
    return st ? st : open_log(r);
}

void vae_run_close(vae_run *r)
{
    dr_jsonl_close(&r->log);
    dr_tape_clear(&r->tape);
    dr_ema_clear(&r->ema);
    dr_adamw_clear(&r->adamw);
    dr_params_clear(&r->params);
    free(r->gradients);
    free(r->trained);
    free(r->prefix);
    free(r->crop);
    mini_photos_clear(&r->train);
    mini_photos_clear(&r->test);
    json_decref(r->config);
}

/* --- a step ------------------------------------------------------------------------------------- */

double vae_lr(const vae_options *o, int step)
{
    double rise = o->warmup > 0 ? (step + 1.0) / o->warmup : 1,
           fall = o->cool > 0 ? (o->steps - step) / (double)o->cool : 1;
    return o->lr * fmax(0, fmin(1, fmin(rise, fall)));
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
    mini_rng(&rng, o->seed, r->step, STREAM_NOISE);
    dr_rng_normal(&rng, dr_f32(*noise), (size_t)dr_numel(*noise));
    mini_crops_draw(&r->train, o->seed, r->step, o->batch, o->crop, o->frame, r->crop);
    return mini_crops_load(&r->train, r->crop, o->batch, o->crop, dr_f32(*x));
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

/* Forward and back; the gradients are in the parameters' buffers. */
static dr_status gradients(vae_run *r, vae_report *report)
{
    dr_tape *g = &r->tape;
    dr_tensor *x, *noise;
    dr_tape_reset(g);
    dr_status st = fill(r, &x, &noise);
    if (st)
        return st;
    g->recording = true;
    dr_tensor *moments = dr_vae_encode(g, &r->net, x);
    dr_tensor *y = dr_vae_decode(g, &r->net, dr_gaussian_sample(g, moments, noise));
    dr_tensor *pixels = dr_charbonnier(g, y, x, EPS), *edges = edge_loss(g, y, x), *kl = dr_gaussian_kl(g, moments);
    dr_tensor *loss = dr_add(g, pixels, dr_scale(g, edges, (float)r->o->edge_weight));
    loss = dr_add(g, loss, dr_scale(g, kl, (float)r->o->kl_weight));
    st = dr_tape_status(g);
    if (!st) {
        report->loss = (double)dr_f32(loss)[0];
        report->pixels = (double)dr_f32(pixels)[0];
        report->edges = (double)dr_f32(edges)[0];
        report->kl = (double)dr_f32(kl)[0];
        if (!isfinite(report->loss))
            st = dr_fail(DR_EINVAL, "the loss is not a number at step %d: try a lower --lr (now %g)", r->step + 1,
                         r->o->lr);
    }
    if (!st)
        st = dr_backward(g, loss, 1);
    g->recording = false;
    return st;
}

dr_status vae_run_step(vae_run *r, vae_report *report)
{
    double t0 = dr_now();
    memset(r->gradients, 0, r->gradients_size);
    dr_status st = gradients(r, report);
    if (st)
        return st;
    report->norm = dr_adamw_grad_norm(&r->adamw, r->tape.ops);
    if (!isfinite(report->norm))
        return dr_fail(DR_EINVAL, "the gradients are not numbers at step %d: try a lower --lr (now %g)", r->step + 1,
                       r->o->lr);
    report->lr = vae_lr(r->o, r->step);
    dr_adamw_step(&r->adamw, r->tape.ops, (float)report->lr, dr_adamw_clip_scale(report->norm, r->o->max_norm));
    dr_ema_update(&r->ema, r->step);
    r->step++;
    report->seconds = dr_now() - t0;
    return DR_OK;
}
