#include "train/rehearse.h"

#include "models/tokenizer.h"
#include "train/adapters.h"
#include "train/pairs_options.h"

#include <stdlib.h>

dr_status dr_rehearsal_open(dr_rehearsal **out, const dr_unet_config *unet, const dr_clip_config *text,
                            const dr_vae_config *vae)
{
    dr_rehearsal *r = calloc(1, sizeof *r);
    if (!r)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = dr_params_init(&r->unet_params);
    if (!st)
        st = dr_params_init(&r->text_params);
    if (!st)
        st = dr_params_init(&r->vae_params);
    if (!st)
        st = dr_unet_init(&r->unet, unet, &r->unet_params);
    if (!st && text)
        st = dr_clip_init(&r->text, text, &r->text_params);
    if (!st)
        st = dr_vae_init(&r->vae, vae, &r->vae_params);
    if (st)
        dr_rehearsal_close(r);
    else
        *out = r;
    return st;
}

void dr_rehearsal_close(dr_rehearsal *r)
{
    if (!r)
        return;
    dr_params_clear(&r->unet_params);
    dr_params_clear(&r->text_params);
    dr_params_clear(&r->vae_params);
    free(r);
}

/* --- what is trained -------------------------------------------------------------------------------------------- */

static void make_frozen(dr_params *p, dr_dtype stored)
{
    for (dr_param *q = p->first; q; q = q->next) {
        q->t.dtype = q->t.rank > 1 ? stored : DR_F32;
        q->t.constant = true;
        q->t.needs_grad = false;
        q->t.grad = NULL;
    }
}

/* `grad`: where gradients are said to lie; NULL: on the tape. `pairs`: the options of a training on them, where a part
 * may learn alone; else NULL. */
static void make_trained(dr_params *p, float *grad, const drape_train_options *pairs)
{
    for (dr_param *q = p->first; q; q = q->next) {
        if (pairs && !dr_garment_pairs_learns(pairs, q->t.name))
            continue;
        q->t.dtype = DR_F32;
        q->t.constant = false;
        q->t.needs_grad = true;
        q->t.grad = grad;
    }
}

static void prepare(dr_rehearsal *r, const drape_train_options *o, dr_dtype stored, float *grad)
{
    make_frozen(&r->unet_params, stored);
    make_frozen(&r->text_params, stored);
    if (o->lora_rank > 0) {
        make_trained(&r->adapters, grad, NULL);
        return;
    }
    make_trained(&r->unet_params, grad, o->garment_pairs ? o : NULL);
    if (o->train_text_encoder)
        make_trained(&r->text_params, grad, NULL);
}

static void drop_gradients(dr_params *p)
{
    for (dr_param *q = p->first; q; q = q->next)
        q->t.grad = NULL;
}

static void drop_all(dr_tape *g, void *owner)
{
    dr_rehearsal *r = owner;
    (void)g;
    drop_gradients(&r->unet_params);
    drop_gradients(&r->text_params);
    drop_gradients(&r->adapters);
}

/* --- running ----------------------------------------------------------------------------------------------------- */

/* NULL: the UNet is shown none. */
static dr_tensor *text_of(dr_tape *g, const dr_rehearsal *r, const drape_train_options *o, int64_t N)
{
    if (o->garment_pairs)
        return NULL;
    if (!o->train_text_encoder)
        return dr_new3(g, N, DR_TOKENS, r->unet.config.context[0]);
    int32_t *ids = dr_arena_zalloc(&g->arena, (size_t)(N * DR_TOKENS) * sizeof *ids);
    if (ids)
        return dr_clip_forward(g, &r->text, ids, N, DR_TOKENS);
    dr_tape_fail(g, DR_ENOMEM);
    return &g->dummy;
}

static dr_tensor *step_loss(dr_tape *g, const dr_rehearsal *r, const drape_train_options *o)
{
    int64_t N = o->train_batch_size * (o->with_prior_preservation ? 2 : 1), C = r->unet.config.out;
    int64_t f = dr_vae_factor(&r->vae.config);
    int64_t h = o->garment_pairs ? 2 * (o->height / f) : o->resolution / f;
    int64_t w = (o->garment_pairs ? o->width : o->resolution) / f;
    float *timestep = dr_arena_zalloc(&g->arena, (size_t)N * sizeof *timestep);
    if (!timestep) {
        dr_tape_fail(g, DR_ENOMEM);
        return &g->dummy;
    }
    dr_tensor *x = dr_new4(g, N, h, w, r->unet.config.in), *want = dr_new4(g, N, h, w, C);
    dr_tensor *weight = dr_new4(g, N, h, w, C);
    dr_tensor *y = dr_unet_forward(g, &r->unet, x, timestep, text_of(g, r, o, N));
    return dr_tape_stopped(g) ? &g->dummy : dr_mse(g, y, want, weight);
}

static uint64_t peak_of(const dr_tape *g)
{
    return g->values.peak + g->arena.peak;
}

/* With the weights' gradients on the tape, or elsewhere. */
static dr_status run(dr_rehearsal *r, const drape_train_options *o, dr_dtype stored, bool on_tape, uint64_t *kept,
                     uint64_t *peak)
{
    dr_tape g;
    dr_status st = dr_tape_init_on(&g, dr_ops_dry());
    if (st)
        return st;
    prepare(r, o, stored, on_tape ? NULL : (float *)(void *)g.values.base);
    g.recording = true;
    g.checkpointing = o->gradient_checkpointing;
    g.activation_budget = (size_t)o->activation_memory;
    g.block_done = on_tape ? drop_all : NULL;
    g.owner = r;
    dr_tensor *loss = step_loss(&g, r, o);
    *kept = g.values.used + g.arena.used;
    st = dr_tape_status(&g);
    if (!st)
        st = dr_backward(&g, loss, 1);
    *peak = peak_of(&g);
    drop_all(&g, r);
    dr_tape_clear(&g);
    return st;
}

static dr_adapter_layers layers_of(dr_rehearsal *r, const drape_train_options *o)
{
    return (dr_adapter_layers){
        .unet = &r->unet, .text = o->train_text_encoder ? &r->text : NULL, .self_alone = o->garment_pairs != NULL};
}

dr_status dr_rehearse_step(dr_rehearsal *r, const drape_train_options *o, dr_dtype stored, bool as_they_come,
                           dr_rehearsed *out)
{
    uint64_t with = 0;
    dr_status st = DR_OK;
    *out = (dr_rehearsed){0};
    dr_adapter_layers layers = layers_of(r, o);
    if (o->lora_rank > 0)
        st = dr_adapters_declare(&r->adapters, &layers, o->lora_rank, 1);
    if (!st)
        st = run(r, o, stored, false, &out->kept, &out->peak);
    if (!st && as_they_come)
        st = run(r, o, stored, true, &out->kept, &with);
    out->gradients = with > out->peak ? with - out->peak : 0;
    dr_adapters_detach(&layers);
    dr_params_clear(&r->adapters);
    return st;
}

/* One pass of the VAE, back to pixels or from them. */
static dr_status rehearse_vae(dr_rehearsal *r, int width, int height, dr_dtype stored, bool back, uint64_t *peak)
{
    dr_tape g;
    dr_status st = dr_tape_init_on(&g, dr_ops_dry());
    if (st)
        return st;
    int f = dr_vae_factor(&r->vae.config);
    make_frozen(&r->vae_params, stored);
    if (back)
        dr_vae_decode(&g, &r->vae, dr_new4(&g, 1, height / f, width / f, r->vae.config.latent));
    else
        dr_vae_encode(&g, &r->vae, dr_new4(&g, 1, height, width, r->vae.config.in));
    st = dr_tape_status(&g);
    *peak = peak_of(&g);
    dr_tape_clear(&g);
    return st;
}

dr_status dr_rehearse_decode(dr_rehearsal *r, int width, int height, dr_dtype stored, uint64_t *peak)
{
    return rehearse_vae(r, width, height, stored, true, peak);
}

dr_status dr_rehearse_encode(dr_rehearsal *r, int width, int height, dr_dtype stored, uint64_t *peak)
{
    return rehearse_vae(r, width, height, stored, false, peak);
}
