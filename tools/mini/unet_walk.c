/* Walks: samples that the net makes itself, in the few steps that pictures are made with. */
#include "mini/unet_run.h"

#include "learn/draw.h"

#include <math.h>
#include <string.h>

#define STREAM_WALK 31 /* of dr_draw: examples and noise of walks that begin */
#define STREAM_CRITIC 32
#define STREAM_PULL 33
#define CHANNELS (MINI_CHANNELS + 1) /* what the critic sees: latents and mask */

static int64_t values_of(const unet_run *r)
{
    return r->pool.layout.values;
}

/* The critic sees the person's picture, not the garment's photo under it. */
static int64_t seen_cells(const unet_run *r)
{
    return (int64_t)r->pool.layout.side * r->pool.layout.side;
}

/* The timestep of a phase: trailing spacing, as the folder's scheduler has it. */
static int timestep_of(const unet_run *r, int phase)
{
    int T = r->schedule.train_timesteps;
    return (int)lround(T - (double)phase * T / r->o->walk_steps) - 1;
}

/* Signal left after `phase` steps; after the last one DDIM keeps that of timestep 0. */
static float signal_of(const unet_run *r, int phase)
{
    return r->schedule.alphas_cumprod[phase < r->o->walk_steps ? timestep_of(r, phase) : 0];
}

static bool is_late(const unet_run *r, const mini_walk *w)
{
    return 2 * (w->phase + 1) > r->o->walk_steps;
}

/* --- the batch's places ------------------------------------------------------------------------------ */

static void begin(unet_run *r, mini_walk *w, int64_t slot)
{
    int64_t from, to;
    dr_rng rng;
    dr_draw(&rng, r->o->seed + (uint64_t)slot, r->c.step, STREAM_WALK);
    unet_examples(r, &from, &to);
    w->example = from + dr_rng_below(&rng, to - from);
    w->phase = 0;
    dr_rng_normal(&rng, w->x, (size_t)values_of(r));
}

/* The first walks start one after another, so that every batch has all phases. */
static bool waits(const unet_run *r, int64_t slot)
{
    return !r->walking && slot % r->o->walk_steps != 0;
}

dr_status unet_walks_fill(unet_run *r, mini_batch *b)
{
    dr_status st = DR_OK;
    int64_t values = values_of(r);
    for (int64_t i = 0; !st && i < r->o->walks; i++) {
        mini_walk *w = &r->walk[i];
        mini_entry e;
        w->x = r->walked + i * values;
        if (!r->walking || w->phase == r->o->walk_steps)
            begin(r, w, i);
        if ((st = mini_pool_get(&r->pool, w->example, &e)))
            break;
        float *target = b->target + (b->plain + i) * values;
        for (int64_t k = 0; k < values; k++)
            target[k] = dr_f16_to_f32(e.latents[k]);
        if (waits(r, i)) { /* as if it had been led right so far */
            w->phase = (int)(i % r->o->walk_steps);
            float a = signal_of(r, w->phase);
            for (int64_t k = 0; k < values; k++)
                w->x[k] = sqrtf(a) * target[k] + sqrtf(1 - a) * w->x[k];
        }
        st = unet_batch_put(r, b, b->plain + i, &e, e.caption, w->x, timestep_of(r, w->phase));
    }
    r->walking = true;
    return st;
}

/* --- errors and the critic --------------------------------------------------------------------------- */

/* What v says of the latents behind x. */
static float latent_of(float a, float x, float v)
{
    return sqrtf(a) * x - sqrtf(1 - a) * v;
}

/* Gives every masked cell of the patch at (top, left) the patch's mean of channel c. */
static void smooth_patch(const unet_run *r, const uint8_t *mask, int64_t top, int64_t left, int c, float *d)
{
    int64_t side = r->pool.layout.side, patch = r->o->walk_patch, count = 0;
    float sum = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t y = top; y < top + patch && y < side; y++)
            for (int64_t x = left; x < left + patch && x < side; x++) {
                if (!mask[y * side + x])
                    continue;
                float *at = d + (y * side + x) * MINI_CHANNELS + c;
                if (pass)
                    *at = sum / (float)count;
                sum += pass ? 0 : *at;
                count += !pass;
            }
}

/* With patches, an error inside the mask is that of a patch's mean: what lies inside it is the critic's. */
static void smooth(const unet_run *r, const mini_batch *b, int64_t n, float *d)
{
    const uint8_t *mask = b->mask + n * r->pool.layout.cells;
    int64_t side = r->pool.layout.side, patch = r->o->walk_patch;
    for (int64_t y = 0; patch > 1 && y < side; y += patch)
        for (int64_t x = 0; x < side; x += patch)
            for (int c = 0; c < MINI_CHANNELS; c++)
                smooth_patch(r, mask, y, x, c, d);
}

/* The gradient at the latents [values] that walk i leads to, of their squared error; returns the mean error. */
static double error_of(const unet_run *r, const mini_batch *b, int64_t i, const float *latents, float *gradient)
{
    int64_t n = b->plain + i, values = values_of(r);
    const float *target = b->target + n * values;
    float k = (float)(2 * r->o->walk_weight / ((double)b->N * (double)values));
    double sum = 0;
    for (int64_t j = 0; j < values; j++)
        gradient[j] = latents[j] - target[j];
    smooth(r, b, n, gradient);
    for (int64_t j = 0; j < values; j++) {
        float d = gradient[j], w = unet_weight_at(r, b, n, j);
        sum += (double)(w * d * d);
        gradient[j] = k * w * d;
    }
    return sum / (double)values;
}

/* A walk's latents in the photo's surroundings, with the mask, as the critic sees them. */
static void show(const unet_run *r, const mini_batch *b, int64_t i, const float *latents, float *to)
{
    int64_t n = b->plain + i;
    const uint8_t *mask = b->mask + n * r->pool.layout.cells;
    const float *real = b->target + n * values_of(r);
    for (int64_t p = 0; p < seen_cells(r); p++, to += CHANNELS) {
        for (int c = 0; c < MINI_CHANNELS; c++)
            to[c] = mask[p] ? latents[p * MINI_CHANNELS + c] : real[p * MINI_CHANNELS + c];
        to[MINI_CHANNELS] = mask[p];
    }
}

typedef struct late {
    int64_t count, *walk; /* which ones */
    dr_tensor *made, *real;
    float *pull; /* [count,cells,cells,CHANNELS] */
} late;

static dr_status gather(unet_run *r, const mini_batch *b, const float *latents, late *l)
{
    dr_tape *g = &r->tape;
    int64_t side = r->pool.layout.side, cells = seen_cells(r), values = values_of(r);
    *l = (late){.walk = dr_arena_alloc(&g->arena, (size_t)r->o->walks * sizeof *l->walk)};
    for (int64_t i = 0; l->walk && i < r->o->walks; i++)
        if (is_late(r, &r->walk[i]))
            l->walk[l->count++] = i;
    if (l->count == 0)
        return DR_OK;
    l->made = dr_new4(g, l->count, side, side, CHANNELS);
    l->real = dr_new4(g, l->count, side, side, CHANNELS);
    l->pull = dr_arena_zalloc(&g->arena, (size_t)(l->count * cells * CHANNELS) * sizeof *l->pull);
    if (g->status || !l->pull)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int64_t k = 0; k < l->count; k++) {
        int64_t i = l->walk[k];
        show(r, b, i, latents + i * values, dr_f32(l->made) + k * cells * CHANNELS);
        show(r, b, i, b->target + (b->plain + i) * values, dr_f32(l->real) + k * cells * CHANNELS);
    }
    return DR_OK;
}

/* Between gradients at the walks' latents and those at what the critic was shown; inside the mask only. */
static void exchange(const unet_run *r, const mini_batch *b, const late *l, float *gradient, bool back)
{
    int64_t cells = seen_cells(r);
    for (int64_t k = 0; k < l->count; k++) {
        const uint8_t *mask = b->mask + (b->plain + l->walk[k]) * r->pool.layout.cells;
        for (int64_t p = 0; p < cells; p++)
            for (int c = 0; mask[p] && c < MINI_CHANNELS; c++) {
                float *mine = gradient + l->walk[k] * values_of(r) + p * MINI_CHANNELS + c;
                float *theirs = l->pull + (k * cells + p) * CHANNELS + c;
                *(back ? mine : theirs) = back ? *theirs : *mine;
            }
    }
}

static dr_status critic(unet_run *r, const mini_batch *b, const float *latents, float *gradient, unet_report *report)
{
    late l;
    dr_rng rng;
    dr_status st = gather(r, b, latents, &l);
    if (st || l.count == 0)
        return st;
    exchange(r, b, &l, gradient, false);
    dr_draw(&rng, r->o->seed, r->c.step, STREAM_PULL);
    st = mini_adversary_pull(&r->adversary, l.made, l.real, &rng, l.pull, &report->critic);
    exchange(r, b, &l, gradient, true);
    dr_draw(&rng, r->o->seed, r->c.step, STREAM_CRITIC);
    return st ? st : mini_adversary_learn(&r->adversary, l.made, l.real, &rng, &report->critic);
}

/* --- a step ------------------------------------------------------------------------------------------ */

/* DDIM's step without noise: Song et al. 2020, arXiv:2010.02502. */
static void take_step(const unet_run *r, mini_walk *w, const float *v)
{
    float a = signal_of(r, w->phase), to = signal_of(r, w->phase + 1);
    for (int64_t j = 0; j < values_of(r); j++) {
        float noise = sqrtf(a) * v[j] + sqrtf(1 - a) * w->x[j];
        w->x[j] = sqrtf(to) * latent_of(a, w->x[j], v[j]) + sqrtf(1 - to) * noise;
    }
    w->phase++;
}

dr_status unet_walks_step(unet_run *r, const mini_batch *b, const float *v, float *gradient, unet_report *report)
{
    int64_t walks = r->o->walks, values = values_of(r), count[2] = {0};
    float *latents = dr_arena_alloc(&r->tape.arena, (size_t)(walks * values) * sizeof *latents);
    float *at = dr_arena_alloc(&r->tape.arena, (size_t)(walks * values) * sizeof *at);
    if (!latents || !at)
        return dr_fail(DR_ENOMEM, "out of memory");
    v += b->plain * values;
    gradient += b->plain * values;
    for (int64_t i = 0; i < walks; i++) {
        const mini_walk *w = &r->walk[i];
        for (int64_t j = 0; j < values; j++)
            latents[i * values + j] = latent_of(signal_of(r, w->phase), w->x[j], v[i * values + j]);
        report->walk[is_late(r, w)] += error_of(r, b, i, latents + i * values, at + i * values);
        count[is_late(r, w)]++;
    }
    for (int k = 0; k < 2; k++)
        report->walk[k] /= (double)(count[k] ? count[k] : 1);
    dr_status st = r->o->adversary.pull > 0 ? critic(r, b, latents, at, report) : DR_OK;
    for (int64_t i = 0; !st && i < walks; i++) {
        float rb = sqrtf(1 - signal_of(r, r->walk[i].phase));
        for (int64_t j = 0; j < values; j++)
            gradient[i * values + j] = -rb * at[i * values + j];
        take_step(r, &r->walk[i], v + i * values);
    }
    return st;
}
