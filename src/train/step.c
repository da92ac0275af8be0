/* One optimizer step: noise, predict, compare, go back, update. */
#include "train/trainer_state.h"

#include "base/progress.h"
#include "learn/draw.h"
#include "models/tokenizer.h"
#include "train/noisy.h"
#include "train/pairs.h"

#include <math.h>
#include <string.h>

/* One micro batch of N photos, on the host until all of it is there. With several ranks it is this one's part: of the
 * photos one behind the other, and of the class images. */
typedef struct batch {
    int64_t N, h, w, C; /* h: of pairs both halves */
    int photo, photos;  /* the first photo of the micro batch that is here, and how many */
    int image;          /* the same of the class images */
    int before;         /* instance photos of the step in micro batches before this one */
    float *x;           /* [N,h,w,2C+1]: noisy latents, mask, masked latents */
    float *target;      /* [N,h,w,C]: noise, or v */
    float *weight;      /* [N,h,w,C], or NULL when all are 1 */
    float *timestep;    /* [N] */
    float *text;        /* [N,77,width], or NULL: ids go through the text encoder */
    int32_t *ids;       /* [N][77]; NULL: there is no text */
} batch;

/* What a photo's term of the loss is multiplied with: its share (class photos have a mean of their own), and
 * min-SNR weighting (Hang et al. 2023, arXiv:2303.09556). */
static float sample_weight(const dr_trainer *t, const dr_micro_batch *mb, bool class_image, int timestep)
{
    double N = mb->instances + mb->class_images, w = 1;
    if (mb->class_images)
        w = class_image ? t->o->prior_loss_weight * N / mb->class_images : N / mb->instances;
    if (t->o->snr_gamma > 0) {
        double a = (double)t->schedule.alphas_cumprod[timestep], snr = a / fmax(1 - a, 1e-12);
        double clipped = fmin(snr, t->o->snr_gamma);
        w *= t->schedule.prediction == DR_PREDICT_V ? clipped / (snr + 1) : clipped / fmax(snr, 1e-12);
    }
    return (float)w;
}

static bool weighted(const drape_train_options *o)
{
    return o->with_prior_preservation || o->snr_gamma > 0 || o->mask_loss_weight != 1 || o->unmasked_loss_weight != 1;
}

/* Photos of a step are counted through all its micro batches, class images downwards from -1: so each gets the same
 * noise however the step is cut into batches, and these over ranks. */
static int64_t sample_number(const batch *b, int64_t n)
{
    return n < b->photos ? b->before + b->photo + n : -1 - (b->before + b->image + n - b->photos);
}

/* Where sample n is in the plan. */
static int64_t item_of(const batch *b, int64_t n, const dr_micro_batch *mb)
{
    return n < b->photos ? mb->first + b->photo + n : mb->first + mb->instances + b->image + n - b->photos;
}

/* Where a rank's part of so many begins. */
static int part(const dr_trainer *t, int of, int rank)
{
    return (int)((int64_t)of * rank / dr_ranks_size(t->ranks));
}

static void take_part(const dr_trainer *t, batch *b, const dr_micro_batch *mb)
{
    int rank = dr_ranks_rank(t->ranks);
    b->photo = part(t, mb->instances, rank);
    b->photos = part(t, mb->instances, rank + 1) - b->photo;
    b->image = part(t, mb->class_images, rank);
    b->N = b->photos + part(t, mb->class_images, rank + 1) - b->image;
}

/* Latents, noise and target of one photo. */
static dr_status fill_sample(dr_trainer *t, batch *b, int64_t n, const dr_micro_batch *mb, const dr_encoded *e)
{
    size_t cells = (size_t)(b->h * b->w), count = cells * (size_t)b->C;
    const dr_noisy photo = {&t->cache.vae, &t->schedule, e, t->o->noise_offset, t->o->garment_dropout};
    int step = -1;
    dr_rng rng;
    dr_draw(&rng, t->o->seed, t->checkpoint.step, sample_number(b, n));
    dr_status st = dr_noisy_fill(&photo, &t->tape.arena, &rng, &step, b->x + (size_t)n * cells * (size_t)(2 * b->C + 1),
                                 b->target + (size_t)n * count);
    if (st)
        return st;
    b->timestep[n] = (float)step;
    float own = b->weight ? sample_weight(t, mb, e->item.class_image, step) : 1;
    for (size_t i = 0; b->weight && i < count; i++)
        b->weight[(size_t)n * count + i] =
            own * (float)(e->mask[i / (size_t)b->C] >= 0.5f ? t->o->mask_loss_weight : t->o->unmasked_loss_weight);
    return DR_OK;
}

static float *floats(dr_trainer *t, int64_t n)
{
    return dr_arena_alloc(&t->tape.arena, (size_t)n * sizeof(float));
}

static dr_status fill_text(dr_trainer *t, batch *b, const dr_micro_batch *mb)
{
    int width = t->unet.net.config.context[0];
    b->ids = dr_arena_alloc(&t->tape.arena, (size_t)b->N * DR_TOKENS * sizeof *b->ids);
    b->text = t->cache.text ? floats(t, b->N * DR_TOKENS * width) : NULL;
    if (!b->ids || (t->cache.text && !b->text))
        return DR_ENOMEM;
    for (int64_t n = 0; n < b->N; n++) {
        const dr_plan_item *item = &t->plan.item[item_of(b, n, mb)];
        int i = item->class_image ? t->instances.count + item->example : item->example;
        memcpy(b->ids + n * DR_TOKENS, t->ids + i * DR_TOKENS, DR_TOKENS * sizeof *b->ids);
        if (b->text)
            memcpy(b->text + n * DR_TOKENS * width, t->cache.text[i], (size_t)(DR_TOKENS * width) * sizeof(float));
    }
    return DR_OK;
}

static dr_status fill(dr_trainer *t, batch *b, const dr_micro_batch *mb, int before)
{
    const dr_encoded *first = &t->cache.entry[t->cache.of_item[mb->first]]; /* all are of one size */
    *b = (batch){.h = dr_encoded_rows(first), .w = first->w, .C = t->cache.vae.latent, .before = before};
    take_part(t, b, mb);
    if (!b->N)
        return DR_OK;
    int64_t cells = b->N * b->h * b->w;
    bool weights = weighted(t->o);
    b->x = floats(t, cells * (2 * b->C + 1));
    b->target = floats(t, cells * b->C);
    b->weight = weights ? floats(t, cells * b->C) : NULL;
    b->timestep = floats(t, b->N);
    if (!b->x || !b->target || (weights && !b->weight) || !b->timestep)
        return DR_ENOMEM;
    dr_status st = DR_OK;
    for (int64_t n = 0; !st && n < b->N; n++)
        st = fill_sample(t, b, n, mb, &t->cache.entry[t->cache.of_item[item_of(b, n, mb)]]);
    return st || first->garment ? st : fill_text(t, b, mb);
}

/* Forward and back over one micro batch, or this rank's part of it; gradients are added up. The loss is that part's
 * contribution to the mean of all. */
static dr_status micro_step(dr_trainer *t, const dr_micro_batch *mb, int before, double *loss)
{
    dr_tape *g = &t->tape;
    batch b;
    dr_status st = dr_cache_complete(&t->cache, g, mb->first, mb->instances + mb->class_images);
    dr_tape_reset(g);
    if (!st)
        st = fill(t, &b, mb, before);
    if (st || !b.N)
        return st;
    double share = (double)b.N / (mb->instances + mb->class_images);
    if (mb->last)
        dr_training_last(&t->training, g);
    const int64_t dim[] = {b.N, b.h, b.w, b.C}, dim_x[] = {b.N, b.h, b.w, 2 * b.C + 1};
    const int64_t dim_text[] = {b.N, DR_TOKENS, t->unet.net.config.context[0]};
    dr_tensor *x = dr_input(g, b.x, 4, dim_x), *target = dr_input(g, b.target, 4, dim);
    dr_tensor *weight = b.weight ? dr_input(g, b.weight, 4, dim) : NULL;
    g->recording = true;
    dr_tensor *text = b.text  ? dr_input(g, b.text, 3, dim_text)
                      : b.ids ? dr_clip_forward(g, &t->text.net, b.ids, b.N, DR_TOKENS)
                              : NULL;
    dr_tensor *pred = dr_unet_forward(g, &t->unet.net, x, b.timestep, text);
    dr_tensor *mse = dr_mse(g, pred, target, weight);
    st = dr_tape_status(g);
    if (!st) {
        *loss = share * (double)dr_tensor_value(g, mse);
        st = dr_training_check(&t->training, "the loss", *loss);
    }
    if (!st)
        st = dr_backward(g, mse, (float)share / (float)t->o->gradient_accumulation_steps);
    g->recording = false;
    return st;
}

/* The loss of all ranks; and whether the user of one of them wants to stop, which all then do after this step. */
static dr_status agree(dr_trainer *t, double *loss)
{
    const drape_train_callbacks *cb = &t->o->callbacks;
    double both[2] = {*loss, cb->cancel && cb->cancel(cb->user)};
    dr_status st = dr_ranks_sum(t->ranks, both, 2);
    *loss = both[0];
    t->stop = both[1] > 0;
    return st;
}

dr_status dr_trainer_step(dr_trainer *t, drape_train_report *r)
{
    int first = dr_plan_batch_of_step(&t->plan, t->checkpoint.step), count = 0, done = 0;
    double t0 = dr_now(), sum = 0, lr = dr_lr_at(&t->lr, t->checkpoint.step);
    dr_status st = DR_OK;
    dr_training_begin(&t->training, &t->tape, lr);
    for (bool last = false; !st && !last; count++) {
        double loss = 0;
        const dr_micro_batch *mb = &t->plan.batch[first + count];
        last = mb->last;
        st = micro_step(t, mb, done, &loss);
        done += mb->instances;
        sum += loss;
    }
    if (!st)
        st = dr_training_end(&t->training, &t->tape, &r->gradient_norm);
    if (!st && t->ranks)
        st = agree(t, &sum);
    if (st)
        return st;
    r->step = ++t->checkpoint.step;
    r->steps = t->plan.steps;
    r->loss = sum / count;
    t->smooth_loss = r->step == 1 || t->smooth_loss == 0 ? r->loss : 0.98 * t->smooth_loss + 0.02 * r->loss;
    r->smooth_loss = t->smooth_loss;
    r->learning_rate = lr;
    r->seconds = dr_now() - t0;
    r->memory = dr_rss_now();
    return DR_OK;
}
