/* Models, batches, loss, and one step. */
#include "mini/unet_run.h"

#include "autograd/functions.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/threads.h"
#include "mini/photos.h"
#include "pipeline/folder.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_BATCH 21 /* of mini_rng: which examples, noise, timesteps */
#define STREAM_LOOK 22
#define STREAM_WEIGHTS 23
#define FIRST_EXAMPLES 512 /* there before the first step, so that its batches are not all the same few */

/* --- setting up --------------------------------------------------------------------------------- */

/* What a run's course depends on, but its length. */
static json_t *fingerprint(const unet_options *o)
{
    return json_pack("{s:I, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:s}", "seed", (json_int_t)o->seed,
                     "photo_limit", o->photo_limit, "batch", o->batch, "fresh", o->fresh, "pool", o->pool, "warmup",
                     o->warmup, "lr", o->lr, "weight_decay", o->weight_decay, "max_norm", o->max_norm, "ema_decay",
                     o->ema_decay, "outside_weight", o->outside_weight, "no_caption", o->no_caption, "arch", o->arch);
}

static dr_status make_models(unet_run *r)
{
    dr_unet_config uc;
    dr_clip_config tc;
    dr_status st = dr_arch_load(&r->arch, r->o->arch);
    if (!st)
        st = dr_unet_config_parse(&uc, r->arch.unet, r->o->arch);
    if (!st)
        st = dr_clip_config_parse(&tc, r->arch.text_encoder, r->o->arch);
    if (!st)
        st = dr_schedule_parse(&r->schedule, r->arch.scheduler, r->o->arch);
    if (!st)
        st = dr_params_init(&r->unet_params);
    if (!st)
        st = dr_params_init(&r->text_params);
    if (!st)
        st = dr_unet_init(&r->unet, &uc, &r->unet_params);
    if (!st)
        st = dr_clip_init(&r->text, &tc, &r->text_params);
    if (!st)
        st = dr_vae_load(&r->vae, r->o->vae);
    const dr_vae_config *vc = &r->vae.net.config;
    if (!st && (vc->latent != MINI_CHANNELS || dr_vae_factor(vc) * MINI_CELLS != MINI_SIZE))
        st = dr_fail(DR_EINVAL, "the VAE in '%s' has %d latent channels and factor %d, expected %d and %d", r->o->vae,
                     vc->latent, dr_vae_factor(vc), MINI_CHANNELS, MINI_SIZE / MINI_CELLS);
    return st;
}

/* CLIP's tokenizer is read from a folder: one in the output serves. */
static dr_status make_tokenizer(unet_run *r)
{
    char path[PATH_MAX];
    dr_status st = dr_clip_vocab_write(r->o->output, r->arch.pad_token);
    if (!st)
        st = dr_folder_path(path, sizeof path, r->o->output, "tokenizer", "");
    return st ? st : dr_tokenizer_load(&r->tokenizer, path);
}

/* Tells VAEs apart by their weights: latents of one mean nothing to another. */
static uint64_t hash_params(const dr_params *p)
{
    uint64_t h = 1469598103934665603U; /* FNV-1a over every 64th value */
    for (const dr_param *q = p->first; q; q = q->next)
        for (int64_t i = 0; i < dr_numel(&q->t); i += 64) {
            uint16_t v = 0;
            memcpy(&v, (const char *)q->t.data + (size_t)i * dr_dtype_size(q->t.dtype), sizeof v);
            h = (h ^ v) * 1099511628211U;
        }
    return h;
}

static dr_status open_pools(unet_run *r)
{
    char path[PATH_MAX];
    uint64_t tag = hash_params(&r->vae.params) ^ (uint64_t)r->train.count << 32 ^ r->o->seed;
    r->pool = (mini_pool){.wardrobe = &r->train, .vae = &r->vae, .seed = r->o->seed};
    r->look_pool = (mini_pool){.wardrobe = &r->test, .vae = &r->vae, .seed = 1};
    dr_status st = dr_folder_path(path, sizeof path, r->o->output, "", "pool.bin");
    if (!st)
        st = mini_pool_open(&r->pool, path, r->o->pool, tag);
    if (!st)
        st = dr_folder_path(path, sizeof path, r->o->output, "", "look.bin");
    return st ? st : mini_pool_open(&r->look_pool, path, r->o->look_examples > 0 ? r->o->look_examples : 1, tag);
}

static dr_status open_training(unet_run *r)
{
    const unet_options *o = r->o;
    char path[PATH_MAX];
    r->t = (mini_training){.output = o->output,
                           .part = {{"unet", "diffusion_pytorch_model.safetensors", &dr_weights_unet, &r->unet_params},
                                    {"text_encoder", "model.safetensors", &dr_weights_text, &r->text_params}},
                           .parts = 2,
                           .run = fingerprint(o)};
    dr_status st = r->t.run ? mini_checkpoint_find(&r->t, o->resume) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = mini_training_weights(&r->t, o->seed + STREAM_WEIGHTS, o->init);
    dr_adamw_options a = {0.9, 0.99, 1e-8, o->weight_decay, false};
    if (!st)
        st = mini_training_optimizer(&r->t, &a, o->ema_decay);
    if (!st)
        st = dr_folder_path(path, sizeof path, o->output, "", "train.jsonl");
    return st ? st : dr_jsonl_open(&r->log, path, r->t.step ? r->t.step : -1);
}

dr_status unet_run_open(unet_run *r, const unet_options *o)
{
    *r = (unet_run){.o = o, .log.fd = -1};
    dr_set_threads(o->threads);
    dr_ops_set_precision(o->exact ? DR_PRECISION_EXACT : DR_PRECISION_AUTO);
    dr_status st = dr_mkdirs(o->output);
    if (!st)
        st = make_models(r);
    if (!st)
        st = make_tokenizer(r);
    if (!st)
        st = open_training(r);
    if (!st)
        st = mini_wardrobe_open(&r->train, o->photos, o->labels, false, o->photo_limit);
    if (!st)
        st = mini_wardrobe_open(&r->test, o->photos, NULL, true, 0);
    if (!st)
        st = open_pools(r);
    return st ? st : dr_tape_init(&r->tape);
}

void unet_run_close(unet_run *r)
{
    dr_jsonl_close(&r->log);
    dr_tape_clear(&r->tape);
    mini_pool_close(&r->pool);
    mini_pool_close(&r->look_pool);
    mini_wardrobe_clear(&r->train);
    mini_wardrobe_clear(&r->test);
    mini_training_clear(&r->t);
    dr_params_clear(&r->unet_params);
    dr_params_clear(&r->text_params);
    dr_vae_unload(&r->vae);
    dr_tokenizer_free(r->tokenizer);
    dr_schedule_clear(&r->schedule);
    dr_arch_clear(&r->arch);
}

/* --- batches ------------------------------------------------------------------------------------ */

typedef struct batch {
    int64_t N;
    dr_tensor *x, *target, *weight;
    float *timestep; /* [N] */
    int32_t *ids;    /* [N][77] */
} batch;

/* Example n of the batch: noisy latents, mask, masked latents, target, weight. */
static void fill_latents(const unet_run *r, batch *b, int64_t n, const mini_entry *e, const float *noise)
{
    float latents[MINI_LATENTS], noisy[MINI_LATENTS];
    int t = (int)b->timestep[n];
    for (int i = 0; i < MINI_LATENTS; i++)
        latents[i] = dr_f16_to_f32(e->latents[i]);
    dr_schedule_add_noise(&r->schedule, latents, noise, t, MINI_LATENTS, noisy);
    float *target = dr_f32(b->target) + n * MINI_LATENTS, *weight = dr_f32(b->weight) + n * MINI_LATENTS;
    dr_schedule_velocity(&r->schedule, latents, noise, t, MINI_LATENTS, target);
    float *x = dr_f32(b->x) + n * MINI_CELLS * MINI_CELLS * (2 * MINI_CHANNELS + 1);
    for (int i = 0; i < MINI_CELLS * MINI_CELLS; i++, x += 2 * MINI_CHANNELS + 1) {
        x[MINI_CHANNELS] = e->mask[i];
        for (int c = 0; c < MINI_CHANNELS; c++) {
            x[c] = noisy[i * MINI_CHANNELS + c];
            x[MINI_CHANNELS + 1 + c] = dr_f16_to_f32(e->masked[i * MINI_CHANNELS + c]);
            weight[i * MINI_CHANNELS + c] = e->mask[i] ? 1 : (float)r->o->outside_weight;
        }
    }
}

/* Timesteps spread evenly over the batch, each in a random place of its part: the loss of a step then depends less on
 * luck. */
static int draw_timestep(const unet_run *r, dr_rng *rng, int64_t n, int64_t N)
{
    int T = r->schedule.train_timesteps, t = (int)(((float)n + dr_rng_uniform(rng)) * (float)T / (float)N);
    return t < T ? t : T - 1;
}

static dr_status new_batch(unet_run *r, batch *b, int64_t N)
{
    dr_tape *g = &r->tape;
    *b = (batch){.N = N};
    b->x = dr_new4(g, N, MINI_CELLS, MINI_CELLS, 2 * MINI_CHANNELS + 1);
    b->target = dr_new4(g, N, MINI_CELLS, MINI_CELLS, MINI_CHANNELS);
    b->weight = dr_new4(g, N, MINI_CELLS, MINI_CELLS, MINI_CHANNELS);
    b->timestep = dr_arena_alloc(&g->arena, (size_t)N * sizeof *b->timestep);
    b->ids = dr_arena_alloc(&g->arena, (size_t)N * DR_TOKENS * sizeof *b->ids);
    return g->status ? g->status : b->timestep && b->ids ? DR_OK : DR_ENOMEM;
}

static dr_status fill_one(unet_run *r, batch *b, int64_t n, mini_pool *pool, int64_t k, dr_rng *rng, double no_caption)
{
    float noise[MINI_LATENTS];
    const mini_entry *e;
    b->timestep[n] = (float)draw_timestep(r, rng, n, b->N);
    bool wordless = (double)dr_rng_uniform(rng) < no_caption;
    dr_rng_normal(rng, noise, MINI_LATENTS);
    dr_status st = mini_pool_get(pool, k, &e);
    if (st)
        return st;
    fill_latents(r, b, n, e, noise);
    return dr_tokenizer_encode(r->tokenizer, wordless ? "" : e->caption, b->ids + n * DR_TOKENS, NULL);
}

/* The newest examples, and others of those that the pool still has. */
static dr_status fill_batch(unet_run *r, batch *b)
{
    const unet_options *o = r->o;
    int64_t end = FIRST_EXAMPLES + (int64_t)o->fresh * (r->t.step + 1), begin = end > o->pool ? end - o->pool : 0;
    dr_rng rng;
    mini_rng(&rng, o->seed, r->t.step, STREAM_BATCH);
    dr_status st = new_batch(r, b, o->batch);
    int64_t turn = dr_rng_below(&rng, o->batch); /* so that the new ones are not always those with the least noise */
    for (int64_t i = 0; !st && i < o->batch; i++) {
        int64_t k = i < o->fresh ? end - 1 - i : begin + dr_rng_below(&rng, end - begin);
        st = fill_one(r, b, (i + turn) % o->batch, &r->pool, k, &rng, o->no_caption);
    }
    return st;
}

/* --- a step ------------------------------------------------------------------------------------- */

static dr_tensor *loss_of(unet_run *r, const batch *b)
{
    dr_tape *g = &r->tape;
    dr_tensor *text = dr_clip_forward(g, &r->text, b->ids, b->N, DR_TOKENS);
    return dr_mse(g, dr_unet_forward(g, &r->unet, b->x, b->timestep, text), b->target, b->weight);
}

dr_status unet_run_step(unet_run *r, unet_report *report)
{
    const unet_options *o = r->o;
    dr_tape *g = &r->tape;
    batch b;
    double t0 = dr_now();
    memset(r->t.gradients, 0, r->t.gradients_size);
    dr_tape_reset(g);
    dr_status st = fill_batch(r, &b);
    if (st)
        return st;
    g->recording = true;
    dr_tensor *loss = loss_of(r, &b);
    st = dr_tape_status(g);
    report->loss = st ? 0 : (double)dr_f32(loss)[0];
    if (!st)
        st = dr_backward(g, loss, 1);
    g->recording = false;
    if (st)
        return st;
    report->lr = mini_lr(o->lr, r->t.step, o->steps, o->warmup, o->cool);
    report->norm = mini_training_update(&r->t, g->ops, report->lr, o->max_norm);
    if (!isfinite(report->loss) || !isfinite(report->norm))
        return dr_fail(DR_EINVAL, "the loss is not a number at step %d: try a lower --lr (now %g)", r->t.step + 1,
                       o->lr);
    report->seconds = dr_now() - t0;
    return DR_OK;
}

static dr_status look(unet_run *r, double *loss)
{
    int64_t n = r->o->look_examples, done = 0;
    dr_rng rng;
    mini_rng(&rng, 1, 0, STREAM_LOOK);
    *loss = 0;
    while (done < n) {
        batch b;
        int64_t N = n - done < 8 ? n - done : 8;
        dr_tape_reset(&r->tape);
        dr_status st = new_batch(r, &b, N);
        for (int64_t i = 0; !st && i < N; i++)
            st = fill_one(r, &b, i, &r->look_pool, done + i, &rng, 0);
        if (st)
            return st;
        dr_tensor *e = loss_of(r, &b);
        if ((st = dr_tape_status(&r->tape)))
            return st;
        *loss += (double)dr_f32(e)[0] * (double)N / (double)n;
        done += N;
    }
    return DR_OK;
}

static void repack(dr_params *p)
{
    for (dr_param *q = p->first; q; q = q->next)
        dr_weight_unpack(&q->t);
}

dr_status unet_run_look(unet_run *r, double *loss)
{
    for (int i = 0; i < 2; i++)
        repack(r->t.part[i].params);
    dr_ema_swap(&r->t.ema);
    dr_status st = look(r, loss);
    dr_ema_swap(&r->t.ema);
    for (int i = 0; i < 2; i++)
        repack(r->t.part[i].params);
    return st;
}
