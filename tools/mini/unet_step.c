/* Models, batches, loss, and one step. */
#include "mini/unet_run.h"

#include "autograd/adversarial.h"
#include "base/file.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/threads.h"
#include "diffusion/place_code.h"
#include "learn/draw.h"
#include "learn/lr.h"
#include "pipeline/folder.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_BATCH 21 /* of dr_draw: which examples, noise, timesteps */
#define STREAM_LOOK 22
#define STREAM_WEIGHTS 23
#define STREAM_CRITIC 24
#define FIRST_EXAMPLES 512 /* there before the first step, so that its batches are not all the same few */

/* Latents and mask: 3, 7 and 15 cells, which are 24, 56 and 120 pixels. */
static const mini_critic_config critic_config = {
    .in = MINI_CHANNELS + 1, .layers = 3, .width = {64, 96, 128}, .stride = {1, 2, 2}};

/* --- setting up --------------------------------------------------------------------------------- */

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
    if (!st && r->schedule.prediction != DR_PREDICT_V) /* the walks ask v what lies behind x */
        st = dr_fail(DR_EINVAL, "'%s': its scheduler is not of prediction_type v_prediction, which this training needs",
                     r->o->arch);
    if (!st)
        st = dr_params_init(&r->unet_params);
    if (!st)
        st = dr_params_init(&r->text_params);
    if (!st)
        st = dr_unet_init(&r->unet, &uc, &r->unet_params);
    if (!st)
        st = dr_clip_init(&r->text, &tc, &r->text_params);
    if (!st) /* a folder that may have nothing else */
        st = dr_source_open(&r->vae_source, r->o->vae, &(dr_source_options){.unchecked = true});
    if (!st)
        st = dr_vae_load(&r->vae, r->vae_source);
    const dr_vae_config *vc = &r->vae.net.config;
    if (!st && (vc->latent != MINI_CHANNELS || (dr_vae_factor(vc) != 4 && dr_vae_factor(vc) != 8)))
        st = dr_fail(DR_EINVAL, "the VAE in '%s' has %d latent channels and factor %d, expected %d and 4 or 8",
                     r->o->vae, vc->latent, dr_vae_factor(vc), MINI_CHANNELS);
    return st;
}

/* CLIP's tokenizer is read from a folder: one in the output serves. */
static dr_status make_tokenizer(unet_run *r)
{
    char path[PATH_MAX];
    dr_status st = dr_clip_vocab_write(r->o->output, r->arch.pad_token);
    if (!st)
        st = dr_path(path, sizeof path, r->o->output, "tokenizer");
    return st ? st : dr_tokenizer_load(&r->tokenizer, path);
}

static bool is_decoder(const char *name)
{
    return strncmp(name, "decoder.", 8) == 0 || strncmp(name, "post_quant_conv.", 16) == 0;
}

/* Tells encoders apart by their weights: latents of one mean nothing to another. The decoder may change. */
static uint64_t hash_encoder(const dr_params *p)
{
    uint64_t h = 1469598103934665603U; /* FNV-1a over every 64th value */
    for (const dr_param *q = p->first; q; q = q->next)
        for (int64_t i = 0; i < dr_numel(&q->t) && !is_decoder(q->t.name); i += 64) {
            uint16_t v = 0;
            memcpy(&v, (const char *)q->t.data + (size_t)i * dr_dtype_size(q->t.dtype), sizeof v);
            h = (h ^ v) * 1099511628211U;
        }
    return h;
}

static dr_status open_pools(unet_run *r)
{
    char path[PATH_MAX];
    uint64_t tag = hash_encoder(&r->vae.params) ^ (uint64_t)r->train.count << 32 ^ r->o->seed ^
                   (uint64_t)(1000 * r->o->aligned) << 48;
    const mini_flats *flats = r->o->garments ? &r->flats : NULL;
    r->pool = (mini_pool){
        .wardrobe = &r->train, .flats = flats, .aligned = (float)r->o->aligned, .vae = &r->vae, .seed = r->o->seed};
    r->look_pool = (mini_pool){.wardrobe = &r->test, .flats = flats, .vae = &r->vae, .seed = 1};
    dr_status st = dr_path(path, sizeof path, r->o->output, "pool.bin");
    if (!st)
        st = mini_pool_open(&r->pool, path, r->o->pool, tag);
    if (!st)
        st = dr_path(path, sizeof path, r->o->output, "look.bin");
    return st ? st : mini_pool_open(&r->look_pool, path, r->o->look_examples > 0 ? r->o->look_examples : 1, tag);
}

static dr_part text_part(unet_run *r)
{
    return (dr_part){.params = &r->text_params,
                     .prefix = "2/", /* the UNet has names like its own */
                     .folder = "text_encoder",
                     .file = "model.safetensors",
                     .rules = &dr_weights_text};
}

/* A text encoder that does not learn: read once, in no checkpoint. */
static dr_status read_text(unet_run *r)
{
    dr_training text = {.part = {text_part(r)}, .parts = 1};
    if (!r->o->init)
        return dr_fail(DR_EINVAL, "--freeze-text needs --init, a model whose text encoder is kept");
    dr_status st = dr_training_weights(&text, r->o->init, 0);
    for (dr_param *q = r->text_params.first; !st && q; q = q->next)
        q->t.needs_grad = false;
    return st;
}

static dr_status load(unet_run *r)
{
    const unet_options *o = r->o;
    dr_status st;
    if (o->grow && !r->c.at[0])
        st = unet_grow(&r->unet_params, o->init, o->seed + STREAM_WEIGHTS);
    else
        st = dr_checkpoint_weights(&r->c, &r->t, o->init, o->seed + STREAM_WEIGHTS);
    if (!st && o->freeze_text)
        st = read_text(r);
    if (!st)
        st = dr_training_init(&r->t, &(dr_training_options){.adamw = {0.9, 0.99, 1e-8, o->weight_decay, false},
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

static dr_status open_training(unet_run *r)
{
    const unet_options *o = r->o;
    char path[PATH_MAX];
    r->t = (dr_training){.part = {{.params = &r->unet_params,
                                   .prefix = "",
                                   .folder = "unet",
                                   .file = "diffusion_pytorch_model.safetensors",
                                   .rules = &dr_weights_unet},
                                  text_part(r)},
                         .parts = o->freeze_text || o->garments ? 1 : 2};
    r->c = (dr_checkpoint){.output = o->output,
                           .training = {&r->t},
                           .trainings = 1,
                           .keep = 1,
                           .format = 1,
                           .run = unet_fingerprint(o),
                           .own = json_object()};
    dr_status st = r->c.run && r->c.own ? dr_checkpoint_start(&r->c, o->resume) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = load(r);
    if (!st)
        st = dr_path(path, sizeof path, o->output, "train.jsonl");
    return st ? st : dr_jsonl_open(&r->log, path, r->c.step ? r->c.step : -1);
}

static dr_status make_walks(unet_run *r)
{
    size_t n = (size_t)r->o->walks;
    if (n == 0)
        return DR_OK;
    r->walk = calloc(n, sizeof *r->walk);
    r->walked = calloc(n * (size_t)r->pool.layout.values, sizeof *r->walked);
    return r->walk && r->walked ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
}

dr_status unet_run_open(unet_run *r, const unet_options *o)
{
    *r = (unet_run){.o = o, .log.fd = -1};
    dr_set_threads(o->threads);
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
    r->train.size = r->test.size = o->size;
    if (!st && o->garments)
        st = mini_flats_open(&r->flats, o->garments);
    if (!st)
        st = open_pools(r);
    if (!st)
        st = make_walks(r);
    if (!st)
        st = dr_tape_init(&r->tape);
    r->tape.precision = o->exact ? DR_PRECISION_EXACT : DR_PRECISION_AUTO;
    return st;
}

void unet_run_close(unet_run *r)
{
    dr_jsonl_close(&r->log);
    dr_tape_clear(&r->tape);
    mini_pool_close(&r->pool);
    mini_pool_close(&r->look_pool);
    mini_wardrobe_clear(&r->train);
    mini_wardrobe_clear(&r->test);
    mini_adversary_close(&r->adversary);
    free(r->walk);
    free(r->walked);
    mini_flats_clear(&r->flats);
    dr_training_clear(&r->t);
    dr_checkpoint_clear(&r->c);
    dr_params_clear(&r->unet_params);
    dr_params_clear(&r->text_params);
    dr_vae_unload(&r->vae);
    dr_source_close(r->vae_source);
    dr_tokenizer_free(r->tokenizer);
    dr_schedule_clear(&r->schedule);
    dr_arch_clear(&r->arch);
}

/* --- batches ------------------------------------------------------------------------------------ */

float unet_weight_at(const unet_run *r, const mini_batch *b, int64_t n, int64_t i)
{
    return b->mask[n * r->pool.layout.cells + i / MINI_CHANNELS] ? 1 : (float)r->o->outside_weight;
}

dr_status unet_batch_put(unet_run *r, mini_batch *b, int64_t n, const mini_entry *e, const char *caption,
                         const float *x, int timestep)
{
    const mini_layout *l = &r->pool.layout;
    float *mask = dr_arena_alloc(&r->tape.arena, (size_t)l->cells * sizeof *mask);
    float *masked = dr_arena_alloc(&r->tape.arena, (size_t)l->values * sizeof *masked);
    if (!mask || !masked)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; i < l->cells; i++)
        mask[i] = e->mask[i];
    for (int i = 0; i < l->values; i++)
        masked[i] = dr_f16_to_f32(e->masked[i]);
    dr_unet_join_input(x, mask, masked, l->cells, MINI_CHANNELS, dr_f32(b->x) + n * l->cells * (2 * MINI_CHANNELS + 1));
    memcpy(b->mask + n * l->cells, e->mask, (size_t)l->cells);
    b->timestep[n] = (float)timestep;
    return b->ids ? dr_tokenizer_encode(r->tokenizer, caption, b->ids + n * DR_TOKENS, NULL) : DR_OK;
}

/* Timesteps spread evenly over the batch, each in a random place of its part: the loss of a step then depends less on
 * luck. */
static int draw_timestep(const unet_run *r, dr_rng *rng, int64_t n, int64_t N)
{
    int T = r->schedule.train_timesteps, t = (int)(((float)n + dr_rng_uniform(rng)) * (float)T / (float)N);
    return t < T ? t : T - 1;
}

static dr_status new_batch(unet_run *r, mini_batch *b, int64_t N, int64_t plain)
{
    dr_tape *g = &r->tape;
    const mini_layout *l = &r->pool.layout;
    bool words = !r->o->garments;
    *b = (mini_batch){.N = N, .plain = plain};
    b->x = dr_new4(g, N, l->rows, l->side, 2 * MINI_CHANNELS + 1);
    b->timestep = dr_arena_alloc(&g->arena, (size_t)N * sizeof *b->timestep);
    b->ids = words ? dr_arena_alloc(&g->arena, (size_t)N * DR_TOKENS * sizeof *b->ids) : NULL;
    b->target = dr_arena_alloc(&g->arena, (size_t)N * (size_t)l->values * sizeof *b->target);
    b->mask = dr_arena_alloc(&g->arena, (size_t)N * (size_t)l->cells);
    return g->status ? g->status : b->timestep && (b->ids || !words) && b->target && b->mask ? DR_OK : DR_ENOMEM;
}

void unet_noise(const unet_run *r, dr_rng *rng, float *noise)
{
    const mini_layout *l = &r->pool.layout;
    dr_rng_normal(rng, noise, (size_t)l->values);
    if (r->schedule.place_code)
        dr_place_code_mix(noise, l->side, l->side, MINI_CHANNELS);
}

/* A plain sample: noisy latents and the velocity that they have. */
static dr_status fill_plain(unet_run *r, mini_batch *b, int64_t n, mini_pool *pool, int64_t k, dr_rng *rng,
                            double no_caption)
{
    int64_t values = r->pool.layout.values;
    float *noise = dr_arena_alloc(&r->tape.arena, 3 * (size_t)values * sizeof *noise);
    float *latents = noise + values, *noisy = latents + values;
    mini_entry e;
    int t = draw_timestep(r, rng, n, b->plain);
    bool wordless = (double)dr_rng_uniform(rng) < no_caption;
    if (!noise)
        return dr_fail(DR_ENOMEM, "out of memory");
    unet_noise(r, rng, noise);
    dr_status st = mini_pool_get(pool, k, &e);
    if (st)
        return st;
    for (int64_t i = 0; i < values; i++)
        latents[i] = dr_f16_to_f32(e.latents[i]);
    dr_schedule_add_noise(&r->schedule, latents, noise, t, (size_t)values, noisy);
    dr_schedule_target(&r->schedule, latents, noise, t, (size_t)values, b->target + n * values);
    return unet_batch_put(r, b, n, &e, wordless ? "" : e.caption, noisy, t);
}

void unet_examples(const unet_run *r, int64_t *from, int64_t *to)
{
    const unet_options *o = r->o;
    *to = FIRST_EXAMPLES + (int64_t)o->fresh * (r->c.step + 1);
    *from = *to > o->pool ? *to - o->pool : 0;
}

/* The newest examples, and others of those that the pool still has; then the walks. */
static dr_status fill_batch(unet_run *r, mini_batch *b)
{
    const unet_options *o = r->o;
    int64_t begin, end, plain = o->batch - o->walks;
    dr_rng rng;
    unet_examples(r, &begin, &end);
    dr_draw(&rng, o->seed, r->c.step, STREAM_BATCH);
    dr_status st = new_batch(r, b, o->batch, plain);
    int64_t turn = dr_rng_below(&rng, o->batch); /* so that the new ones are not always those with the least noise */
    for (int64_t i = 0; !st && i < plain; i++) {
        int64_t k = i < o->fresh ? end - 1 - i : begin + dr_rng_below(&rng, end - begin);
        st = fill_plain(r, b, (i + turn) % plain, &r->pool, k, &rng, o->no_caption);
    }
    return st || o->walks == 0 ? st : unet_walks_fill(r, b);
}

/* --- a step ------------------------------------------------------------------------------------- */

static dr_tensor *velocity_of(unet_run *r, const mini_batch *b)
{
    dr_tape *g = &r->tape;
    dr_tensor *text = b->ids ? dr_clip_forward(g, &r->text, b->ids, b->N, DR_TOKENS) : NULL;
    return dr_unet_forward(g, &r->unet, b->x, b->timestep, text);
}

/* Mean squared error of the plain samples' v, weighted; with `gradient` [N][values] also its gradient. */
static double plain_loss(const unet_run *r, const mini_batch *b, const float *v, float *gradient)
{
    int64_t values = r->pool.layout.values;
    double sum = 0, k = 1 / ((double)b->N * (double)values);
    for (int64_t n = 0; n < b->plain; n++)
        for (int64_t i = 0; i < values; i++) {
            int64_t at = n * values + i;
            float d = v[at] - b->target[at], w = unet_weight_at(r, b, n, i);
            sum += (double)(w * d * d);
            if (gradient)
                gradient[at] = (float)(2 * k) * w * d;
        }
    return b->plain ? sum / (double)(b->plain * values) : 0;
}

static dr_status learn(unet_run *r, const mini_batch *b, unet_report *report)
{
    dr_tape *g = &r->tape;
    g->recording = true;
    dr_tensor *v = velocity_of(r, b);
    float *gradient = dr_arena_zalloc(&g->arena, (size_t)(b->N * r->pool.layout.values) * sizeof *gradient);
    dr_status st = dr_tape_status(g);
    if (!st && !gradient)
        st = dr_fail(DR_ENOMEM, "out of memory");
    if (!st) {
        report->loss = plain_loss(r, b, dr_f32(v), gradient);
        if (b->plain < b->N)
            st = unet_walks_step(r, b, dr_f32(v), gradient, report);
    }
    if (!st)
        st = dr_training_check(&r->t, "the loss", report->loss);
    if (!st)
        st = dr_backward(g, dr_inner(g, v, gradient), 1);
    g->recording = false;
    return st;
}

dr_status unet_run_step(unet_run *r, unet_report *report)
{
    const unet_options *o = r->o;
    mini_batch b;
    double t0 = dr_now();
    report->lr = dr_lr_trapezoid(o->lr, r->c.step, o->steps, o->warmup, o->cool);
    dr_training_begin(&r->t, &r->tape, report->lr);
    dr_tape_reset(&r->tape);
    dr_status st = fill_batch(r, &b);
    if (!st)
        st = learn(r, &b, report);
    if (!st)
        st = dr_training_end(&r->t, &r->tape, &report->norm);
    if (st)
        return st;
    r->c.step++;
    report->seconds = dr_now() - t0;
    return DR_OK;
}

static dr_status look(unet_run *r, double *loss)
{
    int64_t n = r->o->look_examples, done = 0;
    dr_rng rng;
    dr_draw(&rng, 1, 0, STREAM_LOOK);
    *loss = 0;
    while (done < n) {
        mini_batch b;
        int64_t N = n - done < 8 ? n - done : 8;
        dr_tape_reset(&r->tape);
        dr_status st = new_batch(r, &b, N, N);
        for (int64_t i = 0; !st && i < N; i++)
            st = fill_plain(r, &b, i, &r->look_pool, done + i, &rng, 0);
        if (st)
            return st;
        dr_tensor *v = velocity_of(r, &b);
        if ((st = dr_tape_status(&r->tape)))
            return st;
        *loss += plain_loss(r, &b, dr_f32(v), NULL) * (double)N / (double)n;
        done += N;
    }
    return DR_OK;
}

dr_status unet_run_look(unet_run *r, double *loss)
{
    dr_training_swap(&r->t);
    dr_status st = look(r, loss);
    dr_training_swap(&r->t);
    return st;
}
