#include "train/estimate.h"

#include "learn/optimizer.h"
#include "models/tokenizer.h"
#include "train/adapters.h"
#include "train/holdout.h"
#include "train/pairs_options.h"
#include "train/rehearse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By measurement, against peaks of whole runs: code, libraries, compiled kernels, threads' stacks. */
static const uint64_t program = (uint64_t)200 << 20;

/* --- parameters --------------------------------------------------------------------------------- */

/* What is trained, and what the optimizer keeps of it. */
typedef struct trained {
    bool eight_bit;
    int rank;
    int64_t values;
    uint64_t moments;
} trained;

static void add_tensor(trained *t, int64_t n)
{
    t->values += n;
    t->moments += dr_adamw_bytes(n, t->eight_bit);
}

/* `pairs`: the options of a training on them, where a part may learn alone; else NULL. */
static void add_params(trained *t, const dr_params *p, const drape_train_options *pairs)
{
    for (const dr_param *q = p->first; q; q = q->next)
        if (!pairs || dr_garment_pairs_learns(pairs, q->t.name))
            add_tensor(t, dr_numel(&q->t));
}

static void add_adapter(void *user, dr_lin *l)
{
    trained *t = user;
    int64_t out = l->w->dim[0];
    add_tensor(t, t->rank * (dr_numel(l->w) / out));
    add_tensor(t, t->rank * out);
}

static trained count_trained(dr_rehearsal *s, const drape_train_options *o)
{
    trained t = {.eight_bit = o->use_8bit_adam, .rank = o->lora_rank};
    if (t.rank > 0) {
        dr_adapters_each(&(dr_adapter_layers){&s->unet, o->train_text_encoder ? &s->text : NULL, o->garment_pairs},
                         add_adapter, add_adapter, &t);
        return t;
    }
    add_params(&t, &s->unet_params, o->garment_pairs ? o : NULL);
    if (o->train_text_encoder)
        add_params(&t, &s->text_params, NULL);
    return t;
}

/* --- the step ----------------------------------------------------------------------------------- */

bool dr_train_as_they_come(const drape_train_options *o)
{
    return o->max_grad_norm == 0 && o->gradient_accumulation_steps == 1 && o->gradient_checkpointing;
}

/* While a picture is made the models take turns beside the UNet: the text encoder, or the VAE's decoder. */
static dr_status validation_bytes(uint64_t *out, dr_rehearsal *s, const dr_train_estimate_in *in)
{
    const drape_train_options *o = in->options;
    *out = 0;
    if (!o->validation_image && !(dr_holds_out(o) && strcmp(o->validation_metrics, "none") != 0))
        return DR_OK;
    uint64_t size = dr_dtype_size(in->stored), decoder = 0;
    int side = in->unet->sample_size * dr_vae_factor(in->vae);
    int width = o->garment_pairs ? o->width : side, height = o->garment_pairs ? o->height : side;
    dr_status st = dr_rehearse_decode(s, width, height, in->stored, &decoder);
    decoder += (uint64_t)dr_params_numel(&s->vae_params) * size;
    uint64_t text = o->train_text_encoder || !in->text ? 0 : (uint64_t)dr_params_numel(&s->text_params) * size;
    *out = decoder > text ? decoder : text;
    return st;
}

/* Those that learn are f32, the others as the files have them; adapters come on top. */
static uint64_t weight_bytes(const dr_rehearsal *s, const dr_train_estimate_in *in, uint64_t learning)
{
    const drape_train_options *o = in->options;
    uint64_t models = 0;
    for (const dr_param *q = s->unet_params.first; q; q = q->next)
        if (!o->garment_pairs || !dr_garment_pairs_unused(q->t.name)) /* what is not used is not read */
            models += (uint64_t)dr_numel(&q->t);
    models += o->train_text_encoder ? (uint64_t)dr_params_numel(&s->text_params) : 0;
    uint64_t frozen = o->lora_rank > 0 ? models : models - learning;
    return frozen * dr_dtype_size(in->stored) + learning * sizeof(float);
}

/* Mean and deviation of three pictures, and two masks' worth of numbers (train/cache.h). */
static uint64_t latent_bytes(const dr_train_estimate_in *in)
{
    const drape_train_options *o = in->options;
    int f = dr_vae_factor(in->vae);
    uint64_t cells = (uint64_t)(o->width / f) * (uint64_t)(o->height / f);
    uint64_t each = cells * (3 * 2 * (uint64_t)in->vae->latent + 2) * sizeof(float);
    return (uint64_t)in->pairs * (o->flip ? 2 : 1) * each;
}

/* The largest photo that is encoded, and the VAE's weights. */
static dr_status encoding_bytes(uint64_t *out, dr_rehearsal *s, const dr_train_estimate_in *in)
{
    const drape_train_options *o = in->options;
    int width = o->garment_pairs ? o->width : o->resolution, height = o->garment_pairs ? o->height : o->resolution;
    dr_status st = dr_rehearse_encode(s, width, height, in->stored, out);
    *out += (uint64_t)dr_params_numel(&s->vae_params) * dr_dtype_size(in->stored);
    return st;
}

static dr_status reckon(dr_train_memory *m, dr_rehearsal *s, const dr_train_estimate_in *in)
{
    const drape_train_options *o = in->options;
    trained t = count_trained(s, o);
    bool come = in->ranks <= 1 && dr_train_as_they_come(o);
    uint64_t ranks = in->ranks > 1 ? (uint64_t)in->ranks : 1;

    dr_rehearsed step;
    *m = (dr_train_memory){.moments = t.moments / ranks, .program = program + (ranks > 1 ? dr_exchange_bytes() : 0)};
    dr_status st = dr_rehearse_step(s, o, in->stored, come, &step);
    if (!st)
        st = validation_bytes(&m->validation, s, in);
    if (!st)
        st = encoding_bytes(&m->encoding, s, in);
    if (st)
        return st;
    m->weights = weight_bytes(s, in, (uint64_t)t.values);
    if (in->distilled) /* what distilling changed, and room for the weights without it */
        m->weights += 2 * (uint64_t)dr_params_numel(&s->unet_params) * sizeof(float);
    m->gradients = come ? step.gradients : (uint64_t)t.values * sizeof(float);
    m->average = o->use_ema ? (uint64_t)t.values * sizeof(float) / ranks : 0;
    m->latents = latent_bytes(in);
    m->activations = step.kept;
    m->scratch = step.peak - step.kept;
    /* validation comes between steps, when the tape is empty */
    uint64_t turn = step.peak > m->validation ? step.peak : m->validation;
    m->total = m->weights + m->gradients + m->moments + m->average + m->latents + turn + m->program;
    return DR_OK;
}

dr_status dr_train_estimate(const dr_train_estimate_in *in, dr_train_memory *out)
{
    dr_rehearsal *s = NULL;
    dr_status st = dr_rehearsal_open(&s, in->unet, in->text, in->vae);
    if (!st)
        st = reckon(out, s, in);
    dr_rehearsal_close(s);
    return st;
}

/* --- what to do about it -------------------------------------------------------------------------- */

/* Each changes the options as its flag does; nothing where that is so already. */
static void keep_no_activations(drape_train_options *o)
{
    o->activation_memory = 0;
}

static void eight_bit(drape_train_options *o)
{
    o->use_8bit_adam = true;
}

static void checkpointing(drape_train_options *o)
{
    o->gradient_checkpointing = true;
}

static void no_clipping(drape_train_options *o)
{
    o->max_grad_norm = 0;
}

static void one_by_one(drape_train_options *o)
{
    o->gradient_accumulation_steps *= o->train_batch_size;
    o->train_batch_size = 1;
}

static void adapters(drape_train_options *o)
{
    o->lora_rank = o->lora_rank > 0 ? o->lora_rank : 4;
}

/* In the order of what they cost: time, then exactness, then a different result. */
static const struct remedy {
    const char *flag;
    void (*apply)(drape_train_options *o);
} remedies[] = {
    {"--activation_memory 0", keep_no_activations},
    {"--use_8bit_adam", eight_bit},
    {"--gradient_checkpointing", checkpointing},
    {"--train_batch_size 1 with as many more --gradient_accumulation_steps", one_by_one},
    {"--max_grad_norm 0", no_clipping},
    {"--lora_rank 4", adapters},
};

enum { REMEDIES = sizeof remedies / sizeof *remedies };

#define WORTH_NAMING ((uint64_t)32 << 20) /* bytes saved */

/* Text that grows up to its bound. */
typedef struct sentence {
    char *text;
    size_t size, used;
} sentence;

static void say(sentence *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(sentence *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(s->text + s->used, s->size - s->used, fmt, ap);
    va_end(ap);
    size_t room = s->size - s->used - 1;
    s->used += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
}

static double gib(uint64_t bytes)
{
    return (double)bytes / (double)((uint64_t)1 << 30);
}

static void say_need(sentence *s, const dr_train_memory *m)
{
    const struct {
        const char *name;
        uint64_t bytes;
    } items[] = {{"gradients", m->gradients},   {"moments", m->moments},         {"average", m->average},
                 {"latents", m->latents},       {"activations", m->activations}, {"scratch", m->scratch},
                 {"validation", m->validation}, {"program", m->program}};
    say(s, "this run needs %.1f GiB (weights %.1f", gib(m->total), gib(m->weights));
    for (size_t i = 0; i < sizeof items / sizeof *items; i++)
        if (items[i].bytes)
            say(s, ", %s %.1f", items[i].name, gib(items[i].bytes));
    say(s, ")");
}

/* The estimate with a choice of remedies; bit i is remedy i. */
static uint64_t total_with(dr_rehearsal *s, const dr_train_estimate_in *in, unsigned chosen)
{
    drape_train_options o = *in->options;
    dr_train_estimate_in changed = *in;
    dr_train_memory m;
    for (int i = 0; i < REMEDIES; i++)
        if (chosen & 1u << i)
            remedies[i].apply(&o);
    changed.options = &o;
    return reckon(&m, s, &changed) ? UINT64_MAX : m.total;
}

/* Takes remedies in order until the run fits, then leaves out those that turn out not to be needed. */
static unsigned choose(dr_rehearsal *s, const dr_train_estimate_in *in, uint64_t available)
{
    unsigned chosen = 0;
    uint64_t total = total_with(s, in, 0);
    for (int i = 0; i < REMEDIES && total > available; i++) {
        uint64_t less = total_with(s, in, chosen | 1u << i);
        if (less + WORTH_NAMING > total)
            continue;
        chosen |= 1u << i;
        total = less;
    }
    for (int i = 0; i < REMEDIES && total <= available; i++)
        if (chosen & 1u << i && total_with(s, in, chosen & ~(1u << i)) <= available)
            chosen &= ~(1u << i);
    return chosen;
}

static void say_smaller(sentence *out, const drape_train_options *o, const char *before, uint64_t least)
{
    say(out, "%s%.1f GiB are needed: ", before, gib(least));
    if (o->garment_pairs)
        say(out, "lower --width and --height (now %d and %d)", o->width, o->height);
    else
        say(out, "lower --resolution (now %d)", o->resolution);
    say(out, ", or take a machine with more memory");
}

static void say_remedies(sentence *out, dr_rehearsal *s, const dr_train_estimate_in *in, uint64_t available)
{
    unsigned chosen = choose(s, in, available), so_far = 0;
    uint64_t total = total_with(s, in, 0), least = total_with(s, in, chosen);
    bool fits = least <= available, first = true;
    say(out, fits ? "; these flags make it fit: " : chosen ? "; even with " : "");
    for (int i = 0; i < REMEDIES; i++) {
        if (!(chosen & 1u << i))
            continue;
        so_far |= 1u << i;
        uint64_t less = total_with(s, in, so_far);
        say(out, "%s%s (saves %.1f)", first ? "" : ", ", remedies[i].flag, gib(total - less));
        total = less;
        first = false;
    }
    if (!fits)
        say_smaller(out, in->options, chosen ? " " : "; ", least);
}

dr_status dr_train_estimate_tell(const dr_train_estimate_in *in, uint64_t available, char *text, size_t size)
{
    dr_rehearsal *s = NULL;
    dr_train_memory m;
    sentence out = {text, size, 0};
    DR_ASSERT(size > 0, "no room for a sentence");
    dr_status st = dr_rehearsal_open(&s, in->unet, in->text, in->vae);
    if (!st)
        st = reckon(&m, s, in);
    if (st) {
        dr_rehearsal_close(s);
        return st;
    }
    say_need(&out, &m);
    bool fits = available == 0 || m.total <= available;
    if (available > 0)
        say(&out, ", %s%.1f GiB are free", fits ? "" : "only ", gib(available));
    if (!fits)
        say_remedies(&out, s, in, available);
    dr_rehearsal_close(s);
    return fits ? DR_OK : dr_fail(DR_ENOMEM, "%s", text);
}
