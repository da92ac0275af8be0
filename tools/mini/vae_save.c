/* The result, as a diffusers folder. */
#include "mini/vae_run.h"

#include "base/file.h"
#include "base/path.h"
#include "pipeline/folder.h"
#include "pipeline/models.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define WEIGHTS "diffusion_pytorch_model.safetensors"
#define MEASURED 64 /* training crops whose latents are measured */

json_t *vae_fingerprint(const vae_run *r)
{
    const vae_options *o = r->o;
    const mini_adversary_options *a = &o->adversary;
    return json_pack("{s:I, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:O, s:b, s:f, s:f, "
                     "s:f, s:i, s:b}",
                     "seed", (json_int_t)o->seed, "photo_limit", o->photo_limit, "batch", o->batch, "crop", o->crop,
                     "frame", o->frame, "warmup", o->warmup, "lr", o->lr, "weight_decay", o->weight_decay, "max_norm",
                     o->max_norm, "ema_decay", o->ema_decay, "edge_weight", o->edge_weight, "kl_weight", o->kl_weight,
                     "square_weight", o->square_weight, "colour_weight", o->colour_weight, "vivid", o->vivid, "config",
                     r->config, "freeze_encoder", o->freeze_encoder, "latent_noise", o->latent_noise, "pull", a->pull,
                     "critic_features", a->features, "critic_warmup", a->warmup, "made", o->made != NULL);
}

/* --- the result --------------------------------------------------------------------------------- */

/* Mean and deviation of latents drawn from the posterior, per channel, over crops as in training. */
typedef struct spread {
    double mean[64], deviation[64];
} spread;

static void add_latents(const dr_tensor *moments, int C, spread *s)
{
    int64_t cells = dr_numel(moments) / (2 * C);
    const float *m = dr_f32(moments);
    for (int64_t i = 0; i < cells; i++, m += 2 * C)
        for (int c = 0; c < C; c++) {
            s->mean[c] += (double)m[c] / (double)cells;
            s->deviation[c] += ((double)m[c] * (double)m[c] + exp((double)m[C + c])) / (double)cells;
        }
}

static dr_status measure(vae_run *r, spread *s)
{
    const vae_options *o = r->o;
    int C = r->net.config.latent;
    dr_tape *g = &r->tape;
    *s = (spread){0};
    for (int i = 0; i < MEASURED; i++) {
        mini_crop crop;
        dr_tape_reset(g);
        dr_tensor *x = dr_new4(g, 1, o->crop, o->crop, 3);
        dr_status st = dr_tape_status(g);
        mini_crops_draw(&r->train, o->seed + 1, i, 1, o->crop, o->frame, &crop);
        if (!st)
            st = mini_crops_load(&r->train, &crop, 1, o->crop, dr_f32(x));
        if (st)
            return st;
        dr_tensor *moments = dr_vae_encode(g, &r->net, x);
        if ((st = dr_tape_status(g)))
            return st;
        add_latents(moments, C, s);
    }
    for (int c = 0; c < C; c++) {
        s->mean[c] /= MEASURED;
        s->deviation[c] = sqrt(s->deviation[c] / MEASURED - s->mean[c] * s->mean[c]);
        if (!(s->deviation[c] > 1e-6) || !isfinite(s->deviation[c]))
            return dr_fail(DR_EINVAL, "latent channel %d has a deviation of %g: nothing is coded in it", c,
                           s->deviation[c]);
    }
    return DR_OK;
}

/* z' = (z - mean) / deviation, exactly: quant_conv's rows give z and its log variance, post_quant_conv takes z. */
static void rescale(dr_vae *v, const spread *s)
{
    int C = v->config.latent, in = 2 * C;
    float *w = dr_f32(v->encoder.quant.w), *b = dr_f32(v->encoder.quant.b);
    for (int c = 0; c < C; c++) {
        for (int i = 0; i < in; i++)
            w[c * in + i] = (float)((double)w[c * in + i] / s->deviation[c]);
        b[c] = (float)(((double)b[c] - s->mean[c]) / s->deviation[c]);
        b[C + c] = (float)((double)b[C + c] - 2 * log(s->deviation[c]));
    }
    w = dr_f32(v->decoder.quant.w);
    b = dr_f32(v->decoder.quant.b);
    for (int o = 0; o < C; o++)
        for (int c = 0; c < C; c++) {
            b[o] = (float)((double)b[o] + (double)w[o * C + c] * s->mean[c]);
            w[o * C + c] = (float)((double)w[o * C + c] * s->deviation[c]);
        }
    dr_weight_unpack(v->encoder.quant.w);
    dr_weight_unpack(v->decoder.quant.w);
}

/* `s` is NULL where latents stay what they are, and with them the config's factor. */
static dr_status write_config(const vae_run *r, const char *dir, const spread *s)
{
    char path[PATH_MAX];
    double square = 0;
    for (int c = 0; s && c < r->net.config.latent; c++)
        square += s->deviation[c] * s->deviation[c] / r->net.config.latent;
    dr_status st = dr_path(path, sizeof path, dir, "config.json");
    if (st)
        return st;
    json_t *j = json_deep_copy(r->config);
    if (!j || (s && json_object_set_new(j, "scaling_factor", json_real(1 / sqrt(square)))) ||
        json_object_set_new(j, "_diffusers_version", json_string(DR_DIFFUSERS_VERSION)))
        st = dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    if (!st)
        st = dr_json_save(path, j);
    json_decref(j);
    return st;
}

/* With the average's values in the parameters. */
static dr_status write_average(vae_run *r, const char *dir)
{
    char path[PATH_MAX];
    spread s;
    bool same_latents = r->o->freeze_encoder;
    dr_status st = same_latents ? DR_OK : measure(r, &s);
    if (!st && !same_latents) {
        rescale(&r->net, &s);
        st = measure(r, &s);
    }
    if (!st)
        st = dr_path(path, sizeof path, dir, WEIGHTS);
    if (!st)
        st = dr_weights_save(&r->params, path, DR_F16, "", 0);
    return st ? st : write_config(r, dir, same_latents ? NULL : &s);
}

/* The training's own quant_conv and post_quant_conv, kept while they are rescaled: [w, b] of both. */
static size_t copy_scaled(const dr_vae *v, float *kept, bool back)
{
    dr_tensor *const part[] = {v->encoder.quant.w, v->encoder.quant.b, v->decoder.quant.w, v->decoder.quant.b};
    size_t at = 0;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        size_t n = (size_t)dr_numel(part[i]);
        if (back)
            memcpy(dr_f32(part[i]), kept + at, n * sizeof *kept);
        else
            memcpy(kept + at, dr_f32(part[i]), n * sizeof *kept);
        at += n;
        dr_weight_unpack(part[i]);
    }
    return at;
}

dr_status vae_result_write(vae_run *r)
{
    char dir[PATH_MAX];
    float kept[5 * 64 * 64 + 3 * 64]; /* 4 L^2 + 2 L, L^2 + L for at most 64 latent channels */
    dr_status st = dr_path(dir, sizeof dir, r->o->output, "vae");
    if (!st)
        st = dr_mkdirs(dir);
    if (st)
        return st;
    dr_training_swap(&r->t);
    copy_scaled(&r->net, kept, false);
    st = write_average(r, dir);
    copy_scaled(&r->net, kept, true);
    dr_training_swap(&r->t);
    return st ? dr_fail_prefix(st, "cannot write '%s'", dir) : DR_OK;
}
