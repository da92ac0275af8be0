/* Cases of what surrounds the UNet's gradients in training: learning rates, the optimizer, the autoencoder's loss. */
#include "verify/case.h"

#include "autograd/gaussian.h"
#include "learn/gradients.h"
#include "learn/lr.h"
#include "learn/optimizer.h"

#include <stdio.h>
#include <string.h>

/* --- learning rates ------------------------------------------------------------------------------------------- */

static dr_status read_schedule(dr_verifier *v, dr_lr_schedule *s)
{
    int64_t warmup, steps, cycles;
    dr_status st = dr_json_string(v->args, v->path, "name", "constant", &s->name);
    if (!st)
        st = dr_json_double(v->args, v->path, "lr", 1e-3, &s->lr);
    if (!st)
        st = dr_json_int(v->args, v->path, "warmup", 0, 0, 1 << 20, &warmup);
    if (!st)
        st = dr_json_int(v->args, v->path, "steps", 1, 1, 1 << 20, &steps);
    if (!st)
        st = dr_json_int(v->args, v->path, "num_cycles", 1, 1, 1 << 20, &cycles);
    if (!st)
        st = dr_json_double(v->args, v->path, "power", 1, &s->power);
    if (st)
        return st;
    s->warmup = (int)warmup;
    s->steps = (int)steps;
    s->num_cycles = (int)cycles;
    return dr_lr_check_schedule(s);
}

dr_status dr_verify_lr_schedule(dr_verifier *v)
{
    dr_lr_schedule s;
    dr_status st = read_schedule(v, &s);
    float *lr = st ? NULL : dr_arena_alloc(&v->results, (size_t)s.steps * sizeof *lr);
    if (!lr)
        return st ? st : DR_ENOMEM;
    for (int i = 0; i < s.steps; i++)
        lr[i] = (float)dr_lr_at(&s, i);
    return dr_case_output(v, "lr", lr, s.steps, DR_TOL_FORWARD);
}

/* --- AdamW ---------------------------------------------------------------------------------------------------- */

typedef struct adamw_case {
    dr_adamw_options options;
    double lr, max_norm;
    float *start, *grads;
    int64_t n, steps;
} adamw_case;

static dr_status read_adamw(dr_verifier *v, adamw_case *c)
{
    const json_t *betas = json_object_get(v->args, "betas");
    int64_t dp[2], dg[3];
    *c = (adamw_case){.options.beta1 = json_number_value(json_array_get(betas, 0)),
                      .options.beta2 = json_number_value(json_array_get(betas, 1))};
    dr_status st = dr_json_double(v->args, v->path, "lr", 1e-3, &c->lr);
    if (!st)
        st = dr_json_double(v->args, v->path, "weight_decay", 1e-2, &c->options.weight_decay);
    if (!st)
        st = dr_json_double(v->args, v->path, "eps", 1e-8, &c->options.eps);
    if (!st)
        st = dr_json_double(v->args, v->path, "max_grad_norm", 1, &c->max_norm);
    c->start = st ? NULL : dr_case_input(v, "param", 2, dp);
    c->grads = c->start ? dr_case_input(v, "grads", 3, dg) : NULL;
    if (!c->grads)
        return st ? st : DR_EINVAL;
    if (dg[1] != dp[0] || dg[2] != dp[1] || c->options.beta1 <= 0 || c->options.beta2 <= 0)
        return dr_fail(DR_EINVAL, "'%s': \"betas\" are missing, or the gradients' shape is not the parameter's",
                       v->path);
    c->steps = dg[0];
    c->n = dp[0] * dp[1];
    return DR_OK;
}

dr_status dr_verify_adamw(dr_verifier *v)
{
    adamw_case c;
    dr_adamw a = {0};
    dr_status st = read_adamw(v, &c);
    if (st)
        return st;
    size_t bytes = (size_t)c.n * sizeof(float);
    dr_tensor param = {.dtype = DR_F32, .rank = 1, .dim = {c.n, 1, 1, 1}, .name = "param"};
    param.data = dr_put(&v->tape, c.start, bytes);
    float *grads = dr_put(&v->tape, c.grads, (size_t)c.steps * bytes);
    float *all = dr_arena_alloc(&v->results, (size_t)(c.steps * c.n) * sizeof *all);
    st = all && param.data && grads ? dr_adamw_init(&a, &c.options, (dr_tensor *[]){&param}, 1) : DR_ENOMEM;
    for (int64_t i = 0; !st && i < c.steps; i++) {
        param.grad = grads + i * c.n;
        double norm = dr_adamw_grad_norm(&a, v->tape.ops);
        dr_adamw_step(&a, v->tape.ops, (float)c.lr, dr_adamw_clip_scale(norm, c.max_norm));
        v->tape.ops->get(all + i * c.n, param.data, bytes);
    }
    dr_adamw_clear(&a);
    return st ? st : dr_case_output(v, "params", all, c.steps * c.n, DR_TOL_FORWARD);
}

/* --- the autoencoder ------------------------------------------------------------------------------------------ */

static dr_status read_vae_inputs(dr_verifier *v, dr_tensor **x, dr_tensor **noise)
{
    const dr_vae_config *c = &v->vae.net.config;
    int f = dr_vae_factor(c);
    *x = dr_case_image(v, "image");
    *noise = *x ? dr_case_image(v, "noise") : NULL;
    if (!*noise)
        return DR_EINVAL;
    const int64_t *dx = (*x)->dim, *dn = (*noise)->dim;
    if (dx[3] != c->in || c->in != c->out || dn[3] != c->latent || dn[0] != dx[0] || dx[1] != dn[1] * f ||
        dx[2] != dn[2] * f)
        return dr_fail(DR_EINVAL,
                       "'%s': image [%lld,%lld,%lld,%lld] and noise [%lld,%lld,%lld,%lld] do not fit this "
                       "model of %d and %d channels, %d pixels to a latent cell",
                       v->path, (long long)dx[0], (long long)dx[3], (long long)dx[1], (long long)dx[2],
                       (long long)dn[0], (long long)dn[3], (long long)dn[1], (long long)dn[2], c->in, c->latent, f);
    return DR_OK;
}

/* mse(decode(draw from encode(x)), x) + kl_weight * divergence, and back. */
static dr_status vae_step(dr_verifier *v, double kl_weight)
{
    dr_tape *g = &v->tape;
    const dr_vae *net = &v->vae.net;
    dr_tensor *x, *noise;
    dr_status st = read_vae_inputs(v, &x, &noise);
    if (st)
        return st;
    g->recording = g->checkpointing = true;
    dr_tensor *moments = dr_vae_encode(g, net, x);
    dr_tensor *y = dr_vae_decode(g, net, dr_gaussian_sample(g, moments, noise));
    dr_tensor *kl = dr_gaussian_kl(g, moments);
    dr_tensor *loss = dr_add(g, dr_mse(g, y, x, NULL), dr_scale(g, kl, (float)kl_weight));
    st = dr_backward(g, loss, 1);
    g->recording = g->checkpointing = false;
    return st ? st : dr_case_output_values(v, "loss", dr_f32(loss), 1, DR_TOL_GRADIENT);
}

dr_status dr_verify_vae_gradients(dr_verifier *v)
{
    double kl_weight;
    dr_status st = dr_json_double(v->args, v->path, "kl_weight", 1e-3, &kl_weight);
    if (!st)
        st = dr_vae_load(&v->vae, v->source);
    if (!st)
        st = dr_params_make_trainable(&v->vae.params);
    if (st)
        return st;
    dr_gradients all;
    st = dr_gradients_init(&all, (dr_params *[]){&v->vae.params}, 1, true);
    if (st)
        return st;
    st = vae_step(v, kl_weight);
    for (const dr_param *q = v->vae.params.first; !st && q; q = q->next) {
        char name[512];
        snprintf(name, sizeof name, "grad/%s", q->t.name);
        st = dr_case_output_values(v, name, q->t.grad, dr_numel(&q->t), DR_TOL_GRADIENT);
    }
    dr_gradients_clear(&all);
    return st;
}
