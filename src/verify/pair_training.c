/* Cases of training on pairs of a person and a photo of the garment: a few whole steps, whose loss, gradients and
 * weights are judged. */
#include "verify/case.h"

#include "learn/subset.h"
#include "learn/training.h"
#include "train/pairs_options.h"

#include <stdio.h>
#include <string.h>

/* One step's inputs, on the host and channels last. */
typedef struct pair_inputs {
    int64_t N, h, w, C;
    float *person, *garment, *masked; /* [N,h,w,C] */
    float *mask;                      /* [N,h,w] */
    float *noise;                     /* [N,2h,w,C] */
    int32_t *timestep, *dropped;      /* [N] */
} pair_inputs;

typedef struct pair_run {
    dr_verifier *v;
    dr_subset subset;
    dr_training training;
    dr_schedule schedule;
    double rate;
    int64_t steps;
} pair_run;

/* --- inputs --------------------------------------------------------------------------------------- */

/* in/STEP/NAME [N,C,H,W] as values on the host, channels last; `dim` gets N, H, W, C. */
static float *picture(dr_verifier *v, int step, const char *name, int64_t dim[4])
{
    char key[64];
    snprintf(key, sizeof key, "%d/%s", step, name);
    dr_tensor *t = dr_case_image(v, key);
    float *host = t ? dr_arena_alloc(&v->tape.arena, dr_nbytes(t)) : NULL;
    if (!host)
        return NULL;
    memcpy(dim, t->dim, sizeof t->dim);
    dr_tensor_get(&v->tape, t, host);
    return host;
}

static int32_t *numbers(dr_verifier *v, int step, const char *name, int64_t *n)
{
    char key[64];
    snprintf(key, sizeof key, "%d/%s", step, name);
    return dr_case_ints(v, key, 1, n);
}

static bool same_dim(const int64_t *a, int64_t N, int64_t h, int64_t w, int64_t C)
{
    return a[0] == N && a[1] == h && a[2] == w && a[3] == C;
}

static dr_status read_inputs(dr_verifier *v, int step, pair_inputs *in)
{
    int64_t dp[4], dg[4], dm[4], dk[4], dn[4], nt, nd;
    in->person = picture(v, step, "person", dp);
    in->garment = in->person ? picture(v, step, "garment", dg) : NULL;
    in->masked = in->garment ? picture(v, step, "masked", dm) : NULL;
    in->mask = in->masked ? picture(v, step, "mask", dk) : NULL;
    in->noise = in->mask ? picture(v, step, "noise", dn) : NULL;
    in->timestep = in->noise ? numbers(v, step, "timestep", &nt) : NULL;
    in->dropped = in->timestep ? numbers(v, step, "dropped", &nd) : NULL;
    if (!in->dropped)
        return v->tape.status ? dr_tape_status(&v->tape) : DR_EINVAL;
    in->N = dp[0];
    in->h = dp[1];
    in->w = dp[2];
    in->C = dp[3];
    if (!same_dim(dg, in->N, in->h, in->w, in->C) || !same_dim(dm, in->N, in->h, in->w, in->C) ||
        !same_dim(dk, in->N, in->h, in->w, 1) || !same_dim(dn, in->N, 2 * in->h, in->w, in->C) || nt != in->N ||
        nd != in->N || v->unet.net.config.in != 2 * in->C + 1)
        return dr_fail(DR_EINVAL, "'%s': the inputs of step %d are of different shapes, or not for this model", v->path,
                       step);
    return DR_OK;
}

/* --- a step --------------------------------------------------------------------------------------- */

/* What the UNet sees of sample n, and what it is to say of it. */
static dr_status put_sample(const pair_run *r, const pair_inputs *in, int64_t n, float *x, float *target)
{
    dr_arena *a = &r->v->tape.arena;
    size_t half = (size_t)(in->h * in->w * in->C), cells = (size_t)(in->h * in->w), bytes = half * sizeof *x;
    float *x0 = dr_arena_alloc(a, 2 * bytes), *z = dr_arena_zalloc(a, 2 * bytes), *noisy = dr_arena_alloc(a, 2 * bytes);
    float *mask = dr_arena_zalloc(a, 2 * cells * sizeof *mask);
    const float *noise = in->noise + (size_t)n * 2 * half;
    int t = in->timestep[n];
    if (!x0 || !z || !noisy || !mask)
        return DR_ENOMEM;
    if (t < 0 || t >= r->schedule.train_timesteps)
        return dr_fail(DR_EINVAL, "'%s': timestep %d of %d", r->v->path, t, r->schedule.train_timesteps);
    memcpy(x0, in->person + (size_t)n * half, bytes);
    memcpy(x0 + half, in->garment + (size_t)n * half, bytes);
    memcpy(z, in->masked + (size_t)n * half, bytes);
    if (!in->dropped[n])
        memcpy(z + half, in->garment + (size_t)n * half, bytes);
    memcpy(mask, in->mask + (size_t)n * cells, cells * sizeof *mask);
    dr_schedule_add_noise(&r->schedule, x0, noise, t, 2 * half, noisy);
    dr_schedule_target(&r->schedule, x0, noise, t, 2 * half, target);
    dr_unet_join_input(noisy, mask, z, (int64_t)(2 * cells), in->C, x);
    return DR_OK;
}

static dr_tensor *loss_of(const pair_run *r, const pair_inputs *in, dr_status *st)
{
    dr_tape *g = &r->v->tape;
    int64_t rows = 2 * in->h, values = rows * in->w * in->C, wide = rows * in->w * (2 * in->C + 1);
    float *x = dr_arena_alloc(&g->arena, (size_t)(in->N * wide) * sizeof *x);
    float *target = dr_arena_alloc(&g->arena, (size_t)(in->N * values) * sizeof *target);
    float *t = dr_arena_alloc(&g->arena, (size_t)in->N * sizeof *t);
    *st = x && target && t ? DR_OK : DR_ENOMEM;
    for (int64_t n = 0; !*st && n < in->N; n++) {
        t[n] = (float)in->timestep[n];
        *st = put_sample(r, in, n, x + n * wide, target + n * values);
    }
    if (*st)
        return &g->dummy;
    dr_tensor *all = dr_input(g, x, 4, (int64_t[]){in->N, rows, in->w, 2 * in->C + 1});
    dr_tensor *want = dr_input(g, target, 4, (int64_t[]){in->N, rows, in->w, in->C});
    g->recording = true;
    dr_tensor *loss = dr_mse(g, dr_unet_forward(g, &r->v->unet.net, all, t, NULL), want, NULL);
    *st = dr_tape_status(g);
    return loss;
}

/* `what` of each parameter that the case has. */
static dr_status judge(const pair_run *r, const char *what, bool gradients)
{
    dr_status st = DR_OK;
    for (const dr_param *q = r->subset.learns.first; !st && q; q = q->next) {
        char name[512], key[520];
        snprintf(name, sizeof name, "%s/%s", what, q->t.name);
        snprintf(key, sizeof key, "want/%s", name);
        if (!dr_st_find(&r->v->file, key)) {
            if (gradients) /* not of every step */
                return DR_OK;
            return dr_fail(DR_EINVAL, "'%s': '%s' is missing", r->v->path, key);
        }
        st = dr_case_output_values(r->v, name, gradients ? q->t.grad : dr_f32(&q->t), dr_numel(&q->t),
                                   gradients ? DR_TOL_GRADIENT : DR_TOL_FORWARD);
    }
    return st;
}

static dr_status take_step(pair_run *r, int step, float *loss, float *norm)
{
    dr_tape *g = &r->v->tape;
    pair_inputs in = {0};
    char grad[32];
    double length;
    dr_tape_reset(g);
    dr_status st = read_inputs(r->v, step, &in);
    if (st)
        return st;
    dr_training_begin(&r->training, g, r->rate);
    g->checkpointing = true;
    dr_tensor *mse = loss_of(r, &in, &st);
    if (!st) {
        *loss = dr_tensor_value(g, mse);
        st = dr_backward(g, mse, 1);
    }
    g->recording = g->checkpointing = false;
    snprintf(grad, sizeof grad, "%d/grad", step);
    if (!st)
        st = judge(r, grad, true);
    if (!st)
        st = dr_training_end(&r->training, g, &length);
    *norm = st ? 0 : (float)length;
    return st;
}

/* --- the run -------------------------------------------------------------------------------------- */

static bool learns(void *user, const dr_param *q)
{
    return dr_garment_pairs_learns(user, q->t.name);
}

static dr_status read_options(dr_verifier *v, pair_run *r, dr_training_options *o)
{
    const json_t *betas = json_object_get(v->args, "betas");
    *o = (dr_training_options){.adamw = {.beta1 = json_number_value(json_array_get(betas, 0)),
                                         .beta2 = json_number_value(json_array_get(betas, 1))},
                               .rate_flag = "lr"};
    dr_status st = dr_json_int(v->args, v->path, "steps", 1, 1, 1000, &r->steps);
    if (!st)
        st = dr_json_double(v->args, v->path, "lr", 1e-3, &r->rate);
    if (!st)
        st = dr_json_double(v->args, v->path, "weight_decay", 1e-2, &o->adamw.weight_decay);
    if (!st)
        st = dr_json_double(v->args, v->path, "eps", 1e-8, &o->adamw.eps);
    if (!st)
        st = dr_json_double(v->args, v->path, "max_grad_norm", 1, &o->max_norm);
    if (!st && (o->adamw.beta1 <= 0 || o->adamw.beta2 <= 0))
        st = dr_fail(DR_EINVAL, "'%s': \"betas\" are missing", v->path);
    return st;
}

static dr_status open_run(pair_run *r)
{
    dr_verifier *v = r->v;
    drape_train_options which = {.train_layers = "attention"};
    dr_training_options o;
    dr_unet_unload(&v->unet); /* an earlier case may have changed it */
    dr_status st = read_options(v, r, &o);
    if (!st)
        st = dr_unet_load_textless(&v->unet, v->source);
    if (!st)
        st = dr_source_schedule(v->source, &r->schedule);
    if (!st)
        st = dr_subset_take(&r->subset, &v->unet.params, learns, &which);
    if (!st)
        st = dr_params_make_trainable(&r->subset.learns);
    r->training = (dr_training){.part = {{.params = &r->subset.learns, .prefix = ""}}, .parts = 1};
    return st ? st : dr_training_init(&r->training, &o);
}

static dr_status take_steps(pair_run *r)
{
    dr_verifier *v = r->v;
    float *loss = dr_arena_alloc(&v->results, (size_t)r->steps * sizeof *loss);
    float *norm = loss ? dr_arena_alloc(&v->results, (size_t)r->steps * sizeof *norm) : NULL;
    dr_status st = norm ? DR_OK : DR_ENOMEM;
    for (int i = 0; !st && i < r->steps; i++)
        st = take_step(r, i, &loss[i], &norm[i]);
    if (!st)
        st = dr_case_output(v, "loss", loss, r->steps, DR_TOL_FORWARD);
    if (!st)
        st = dr_case_output(v, "norm", norm, r->steps, DR_TOL_FORWARD);
    return st ? st : judge(r, "trained", false);
}

dr_status dr_verify_catvton_train(dr_verifier *v)
{
    pair_run r = {.v = v};
    dr_status st = open_run(&r);
    if (!st)
        st = take_steps(&r);
    dr_training_clear(&r.training);
    dr_subset_clear(&r.subset);
    dr_schedule_clear(&r.schedule);
    dr_unet_unload(&v->unet);
    return st;
}
