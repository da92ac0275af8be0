/* Cases that go back through the models. */
#include "verify/case.h"

#include "learn/gradients.h"

#include <stdio.h>
#include <string.h>

static dr_status judge_gradients(dr_verifier *v, const dr_params *p, const char *model)
{
    dr_status st = DR_OK;
    for (const dr_param *q = p->first; !st && q; q = q->next) {
        char name[512], key[520];
        /* transformers 4 wrote `text_model.` in front of the same names */
        snprintf(name, sizeof name, "grad/%s/%s", model, q->t.name);
        snprintf(key, sizeof key, "want/%s", name);
        if (!dr_st_find(&v->file, key))
            snprintf(name, sizeof name, "grad/%s/text_model.%s", model, q->t.name);
        snprintf(key, sizeof key, "want/%s", name);
        if (!dr_st_find(&v->file, key) && strstr(q->t.name, "token_embedding"))
            continue; /* left out of the cases: it is nearly all zeros */
        st = dr_case_output_values(v, name, q->t.grad, dr_numel(&q->t), DR_TOL_GRADIENT);
    }
    return st;
}

typedef struct train_inputs {
    dr_tensor *latents, *noise, *mask, *masked;
    int32_t *timestep, *ids;
    int64_t N, L;
} train_inputs;

static dr_status read_inputs(dr_verifier *v, train_inputs *in)
{
    int64_t dt[1], di[2];
    in->latents = dr_case_image(v, "latents");
    in->noise = in->latents ? dr_case_image(v, "noise") : NULL;
    in->mask = in->noise ? dr_case_image(v, "mask") : NULL;
    in->masked = in->mask ? dr_case_image(v, "masked_latents") : NULL;
    in->timestep = in->masked ? dr_case_ints(v, "timestep", 1, dt) : NULL;
    in->ids = in->timestep ? dr_case_ints(v, "input_ids", 2, di) : NULL;
    if (!in->ids)
        return DR_EINVAL;
    in->N = in->latents->dim[0];
    in->L = di[1];
    if (dt[0] != in->N || di[0] != in->N || !dr_same_shape(in->latents, in->noise) ||
        !dr_same_shape(in->latents, in->masked) || in->mask->dim[3] != 1 ||
        dr_numel(in->mask) * in->latents->dim[3] != dr_numel(in->latents))
        return dr_fail(DR_EINVAL, "'%s': its inputs are of different shapes or numbers of samples", v->path);
    return DR_OK;
}

/* x_t and the target of every sample, on the host. */
static dr_status noisy_and_target(dr_verifier *v, const train_inputs *in, float *noisy, float *target)
{
    dr_schedule sch = {0};
    dr_status st = dr_source_schedule(v->source, &sch);
    size_t n = (size_t)(dr_numel(in->latents) / in->N), bytes = dr_nbytes(in->latents);
    float *x0 = dr_arena_alloc(&v->tape.arena, bytes), *noise = x0 ? dr_arena_alloc(&v->tape.arena, bytes) : NULL;
    if (!noise)
        st = DR_ENOMEM;
    if (!st) {
        dr_tensor_get(&v->tape, in->latents, x0);
        dr_tensor_get(&v->tape, in->noise, noise);
    }
    for (int64_t i = 0; !st && i < in->N; i++) {
        size_t at = (size_t)i * n;
        int t = in->timestep[i];
        if (t < 0 || t >= sch.train_timesteps) {
            st = dr_fail(DR_EINVAL, "'%s': timestep %d of %d", v->path, t, sch.train_timesteps);
            break;
        }
        dr_schedule_add_noise(&sch, x0 + at, noise + at, t, n, noisy + at);
        dr_schedule_target(&sch, x0 + at, noise + at, t, n, target + at);
    }
    dr_schedule_clear(&sch);
    return st;
}

/* The UNet's input; NULL when memory ran out. */
static dr_tensor *join(dr_tape *g, const train_inputs *in, const float *noisy)
{
    const int64_t *d = in->latents->dim;
    int64_t cells = d[0] * d[1] * d[2], C = d[3];
    float *mask = dr_arena_alloc(&g->arena, dr_nbytes(in->mask)), *masked = NULL, *x = NULL;
    if (mask)
        masked = dr_arena_alloc(&g->arena, dr_nbytes(in->masked));
    if (masked)
        x = dr_arena_alloc(&g->arena, (size_t)(cells * (2 * C + 1)) * sizeof *x);
    if (!x)
        return NULL;
    dr_tensor_get(g, in->mask, mask);
    dr_tensor_get(g, in->masked, masked);
    dr_unet_join_input(noisy, mask, masked, cells, C, x);
    return dr_input(g, x, 4, (int64_t[]){d[0], d[1], d[2], 2 * C + 1});
}

static dr_status train_step(dr_verifier *v, const train_inputs *in)
{
    dr_tape *g = &v->tape;
    size_t bytes = dr_nbytes(in->latents);
    float *x = dr_arena_alloc(&g->arena, bytes), *want = dr_arena_alloc(&g->arena, bytes);
    float *t = dr_arena_alloc(&g->arena, (size_t)in->N * sizeof *t);
    dr_status st = x && want && t ? noisy_and_target(v, in, x, want) : DR_ENOMEM;
    if (st)
        return st;
    dr_tensor *all = join(g, in, x);
    if (!all)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_tensor *noisy = dr_input(g, x, 4, in->latents->dim), *target = dr_input(g, want, 4, in->latents->dim);
    for (int64_t i = 0; i < in->N; i++)
        t[i] = (float)in->timestep[i];
    g->recording = true;
    dr_tensor *text = dr_clip_forward(g, &v->text.net, in->ids, in->N, in->L);
    dr_tensor *loss = dr_mse(g, dr_unet_forward(g, &v->unet.net, all, t, text), target, NULL);
    st = dr_backward(g, loss, 1);
    g->recording = false;
    if (!st)
        st = dr_case_output_values(v, "loss", dr_f32(loss), 1, DR_TOL_GRADIENT);
    if (!st)
        st = dr_case_output_image(v, "noisy_latents", noisy, DR_TOL_FORWARD);
    return st ? st : dr_case_output_image(v, "target", target, DR_TOL_FORWARD);
}

/* The gradients of one training step with respect to every parameter, with blocks run again in the backward. */
dr_status dr_verify_train_gradients(dr_verifier *v)
{
    train_inputs in;
    dr_status st = dr_unet_load(&v->unet, v->source);
    if (!st)
        st = dr_text_load(&v->text, v->source);
    if (!st)
        st = dr_params_make_trainable(&v->unet.params);
    if (!st)
        st = dr_params_make_trainable(&v->text.params);
    if (!st)
        st = read_inputs(v, &in);
    if (st)
        return st;
    dr_gradients both;
    st = dr_gradients_init(&both, (dr_params *[]){&v->unet.params, &v->text.params}, 2, true);
    if (st)
        return st;
    v->tape.checkpointing = true;
    st = train_step(v, &in);
    v->tape.checkpointing = false;
    if (!st)
        st = judge_gradients(v, &v->unet.params, "unet");
    if (!st)
        st = judge_gradients(v, &v->text.params, "text_encoder");
    dr_gradients_clear(&both);
    return st;
}
