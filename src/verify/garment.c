/* Cases of CatVTON: attention weights, the UNet, steps, pictures on their way in and out, and whole runs. The model is
 * a folder of the public parts: base, a VAE of its own, and CatVTON/VERSION. */
#include "verify/case.h"

#include "base/path.h"
#include "io/fit.h"
#include "io/prepare.h"
#include "tryon/dress.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the model ------------------------------------------------------------------------------------ */

/* DIR/NAME, where `name` is args.KEY or else `def`. */
static dr_status part(dr_verifier *v, const char *key, const char *def, const char *below, char out[PATH_MAX])
{
    const char *name;
    dr_status st = dr_json_string(v->args, v->path, key, def, &name);
    if (!st && (!name[0] || strstr(name, "..") || name[0] == '/'))
        st = dr_fail(DR_EINVAL, "'%s': \"%s\" is '%s', expected the name of a folder", v->path, key, name);
    return st ? st : dr_path(out, PATH_MAX, dr_source_path(v->source), below, name);
}

static void close_engine(dr_verifier *v)
{
    if (v->engine_open)
        dr_engine_close(&v->engine);
    dr_source_close(v->engine_source);
    v->engine_open = false;
    v->engine_source = NULL;
    v->engine_key[0] = 0;
}

void dr_verify_garment_close(dr_verifier *v)
{
    close_engine(v);
}

/* The engine of the parts that the case names; the last one stays open for the next case. */
static dr_status open_engine(dr_verifier *v)
{
    char base[PATH_MAX], vae[PATH_MAX], attention[PATH_MAX], key[sizeof v->engine_key];
    dr_status st = part(v, "base", "base", "", base);
    if (!st)
        st = part(v, "vae", "sd-vae-ft-mse", "", vae);
    if (!st)
        st = part(v, "attention", "mix-48k-1024", "CatVTON", attention);
    if (st)
        return st;
    snprintf(key, sizeof key, "%s|%s|%s", base, vae, attention);
    if (v->engine_open && strcmp(key, v->engine_key) == 0)
        return DR_OK;
    close_engine(v);
    st = dr_source_open(&v->engine_source, base, &(dr_source_options){.unchecked = true, .vae = vae});
    if (!st)
        st = dr_engine_open(&v->engine, v->engine_source, &(dr_engine_extras){.attention = attention},
                            DR_PRECISION_EXACT, true, NULL);
    v->engine_open = !st;
    memcpy(v->engine_key, key, sizeof key);
    return st;
}

/* The UNet with the attention weights in it, for cases that look at it alone. */
static dr_status open_unet(dr_verifier *v)
{
    dr_status st = open_engine(v);
    return st ? st : dr_engine_load_unet(&v->engine);
}

dr_status dr_verify_catvton_attention(dr_verifier *v)
{
    dr_status st = open_unet(v);
    for (size_t i = 0; !st && i < v->file.count; i++) {
        const dr_st_entry *e = &v->file.entry[i];
        const char *name = e->name + strlen("want/");
        int64_t n = dr_entry_numel(e);
        if (strncmp(e->name, "want/", 5) != 0)
            continue;
        const dr_param *q = dr_param_find(&v->engine.unet.params, name);
        if (!q || n < 1 || n > dr_numel(&q->t))
            return dr_fail(DR_EINVAL, "'%s': the UNet has no tensor '%s' of %lld values", v->path, name, (long long)n);
        void *raw = dr_arena_alloc(&v->tape.arena, (size_t)n * sizeof(float));
        float *values = dr_arena_alloc(&v->tape.arena, (size_t)n * sizeof *values);
        if (!raw || !values)
            return DR_ENOMEM;
        dr_param_get(q, 0, (size_t)n, raw);
        dr_to_f32(raw, q->t.dtype, values, (size_t)n);
        st = dr_case_output(v, name, values, n, DR_TOL_EXACT);
    }
    return st;
}

/* --- the UNet ------------------------------------------------------------------------------------- */

/* in/NAME as floats, whether its values are whole numbers or not. */
static float *times(dr_verifier *v, const char *name, int64_t *n)
{
    char key[64];
    snprintf(key, sizeof key, "in/%s", name);
    const dr_st_entry *e = dr_st_find(&v->file, key);
    int32_t *whole = e && e->dtype == DR_I32 ? dr_case_ints(v, name, 1, n) : NULL;
    float *t = whole ? dr_arena_alloc(&v->tape.arena, (size_t)*n * sizeof *t) : dr_case_input(v, name, 1, n);
    for (int64_t i = 0; whole && t && i < *n; i++)
        t[i] = (float)whole[i];
    return t;
}

dr_status dr_verify_catvton_unet(dr_verifier *v)
{
    int64_t n;
    dr_status st = open_unet(v);
    dr_tensor *x = st ? NULL : dr_case_image(v, "sample");
    float *t = x ? times(v, "timestep", &n) : NULL;
    if (!t)
        return st ? st : DR_EINVAL;
    if (n != x->dim[0] || x->dim[3] != v->engine.unet_config.in)
        return dr_fail(DR_EINVAL, "'%s': %lld timesteps for %lld samples of %lld channels, the model takes %d", v->path,
                       (long long)n, (long long)x->dim[0], (long long)x->dim[3], v->engine.unet_config.in);
    dr_case_watch(v);
    dr_tensor *y = dr_unet_forward(&v->tape, &v->engine.unet.net, x, t, NULL);
    st = dr_case_watched(v);
    if (!st)
        st = dr_tape_status(&v->tape);
    return st ? st : dr_case_output_image(v, "sample", y, DR_TOL_FORWARD);
}

/* --- steps ---------------------------------------------------------------------------------------- */

typedef struct arguments {
    dr_dress_options o;
    bool one_stream;
    uint64_t vae_seed;
} arguments;

static dr_status read_arguments(dr_verifier *v, arguments *a)
{
    int64_t steps, seed, vae_seed;
    *a = (arguments){.one_stream = json_is_null(json_object_get(v->args, "vae_seed"))};
    a->o.guidance.end = 1;
    a->o.sampler = (dr_sampler_options){.kind = DR_SAMPLER_DDIM, .strength = 1};
    dr_status st = dr_json_int(v->args, v->path, "num_inference_steps", 50, 1, 1000, &steps);
    if (!st)
        st = dr_json_double(v->args, v->path, "guidance_scale", 2.5, &a->o.guidance.scale);
    if (!st)
        st = dr_json_double(v->args, v->path, "eta", 1, &a->o.sampler.eta);
    if (!st)
        st = dr_json_int(v->args, v->path, "seed", 0, 0, INT64_MAX, &seed);
    if (!st)
        st = dr_json_int(v->args, v->path, "vae_seed", 0, 0, INT64_MAX, &vae_seed);
    if (st)
        return st;
    a->o.sampler.steps = (int)steps;
    a->o.seed = (uint64_t)seed;
    a->vae_seed = (uint64_t)vae_seed;
    return DR_OK;
}

/* PyTorch's [N,C,H,W] of in/NAME or want/NAME (`of`) as channels last; checks N*C*H*W. */
static float *recorded(dr_verifier *v, const char *of, const char *name, int64_t N, int64_t C, int64_t H, int64_t W)
{
    char key[128];
    snprintf(key, sizeof key, "%s/%s", of, name);
    const dr_st_entry *e = dr_st_find(&v->file, key);
    int64_t n = N * C * H * W;
    if (!e || e->rank != 4 || dr_entry_numel(e) != n || e->dim[1] != C || e->dim[2] != H || e->dtype != DR_F32) {
        dr_fail(DR_EINVAL, "'%s': '%s' %s", v->path, key, e ? "has another shape than the run" : "is missing");
        return NULL;
    }
    float *nchw = dr_arena_alloc(&v->tape.arena, (size_t)n * sizeof *nchw);
    float *nhwc = nchw ? dr_arena_alloc(&v->tape.arena, (size_t)n * sizeof *nhwc) : NULL;
    if (!nhwc)
        return NULL;
    memcpy(nchw, e->data, e->size);
    dr_nchw_to_nhwc(nchw, nhwc, N, C, H, W);
    return nhwc;
}

/* Channels last [N,H,W,C] against want/NAME [N,C,H,W]. */
static dr_status judge(dr_verifier *v, const char *name, const float *nhwc, int64_t N, int64_t C, int64_t H, int64_t W,
                       dr_tolerance tol)
{
    float *nchw = dr_arena_alloc(&v->tape.arena, (size_t)(N * C * H * W) * sizeof *nchw);
    if (!nchw)
        return DR_ENOMEM;
    dr_nhwc_to_nchw(nhwc, nchw, N, C, H, W);
    return dr_case_output(v, name, nchw, N * C * H * W, tol);
}

/* What a run gave at its steps; [steps,2h,w,C] and, of both samples, [steps,2,2h,w,C]. */
typedef struct trace {
    float *latents, *predicted, *uncond, *cond;
} trace;

static dr_status trace_init(dr_verifier *v, trace *t, size_t values)
{
    float **all[] = {&t->latents, &t->predicted, &t->uncond, &t->cond};
    for (size_t i = 0; i < 4; i++)
        if (!(*all[i] = dr_arena_zalloc(&v->results, values * sizeof(float))))
            return DR_ENOMEM;
    return DR_OK;
}

/* Step i with recorded noise, from r->x as it is. */
static dr_status one_step(dr_dress_run *r, int i, const float *noise, trace *t)
{
    size_t n = r->n, at = (size_t)i * n;
    float *parts = malloc(2 * n * sizeof *parts);
    dr_status st = parts ? dr_dress_predict(r, i, parts) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st) {
        if (r->o->guidance.scale > 1)
            memcpy(t->uncond + at, parts, n * sizeof *parts);
        memcpy(t->cond + at, parts + n, n * sizeof *parts);
        memcpy(t->predicted + at, r->out, n * sizeof *parts);
        dr_sampler_give_noise(r->sampler, noise + at);
        st = dr_sampler_step(r->sampler, i, r->out, r->x, n, NULL);
        memcpy(t->latents + at, r->x, n * sizeof *parts);
    }
    free(parts);
    return st;
}

/* The run's size from a recorded tensor [.,C,2h,w]. */
static dr_status size_from(dr_verifier *v, const char *key, dr_dress_options *o)
{
    const dr_st_entry *e = dr_st_find(&v->file, key);
    int f = dr_vae_factor(&v->engine.vae_config);
    if (!e || e->rank != 4 || e->dim[2] < 2 || e->dim[2] % 2 || e->dim[2] > 4096 || e->dim[3] < 1 || e->dim[3] > 4096)
        return dr_fail(DR_EINVAL, "'%s': '%s' %s", v->path, key, e ? "is no pair of latents" : "is missing");
    o->height = (int)e->dim[2] / 2 * f;
    o->width = (int)e->dim[3] * f;
    return DR_OK;
}

/* in/masked_latent, in/condition_latent and in/mask_latent in the run's places. */
static dr_status take_condition(dr_verifier *v, dr_dress_run *r)
{
    int64_t h = r->h, w = r->w, C = r->latent;
    float *person = recorded(v, "in", "masked_latent", 1, C, h, w);
    float *garment = person ? recorded(v, "in", "condition_latent", 1, C, h, w) : NULL;
    float *mask = garment ? recorded(v, "in", "mask_latent", 1, 1, 2 * h, w) : NULL;
    if (!mask)
        return DR_EINVAL;
    memcpy(r->condition, person, r->half * sizeof *person);
    memcpy(r->condition + r->n, person, r->half * sizeof *person);
    memcpy(r->condition + r->n + r->half, garment, r->half * sizeof *garment);
    memcpy(r->mask, mask, (size_t)(2 * h * w) * sizeof *mask);
    return DR_OK;
}

static dr_status replay_steps(dr_verifier *v, dr_dress_run *r, trace *t)
{
    int64_t H = 2 * r->h, w = r->w, C = r->latent, steps = dr_sampler_calls(r->sampler);
    int64_t n;
    float *latents = recorded(v, "in", "latents", steps, C, H, w);
    float *noise = latents ? recorded(v, "in", "variance_noise", steps, C, H, w) : NULL;
    float *when = noise ? times(v, "timestep", &n) : NULL;
    dr_status st = when ? trace_init(v, t, (size_t)steps * r->n) : DR_EINVAL;
    for (int i = 0; !st && i < (int)steps; i++) {
        if (n != steps || when[i] != dr_sampler_timestep(r->sampler, i))
            return dr_fail(DR_EINVAL, "'%s': its steps are at other times than this sampler's", v->path);
        memcpy(r->x, latents + (size_t)i * r->n, r->n * sizeof *latents);
        st = one_step(r, i, noise, t);
        if (!st && i == 0 && dr_st_find(&v->file, "want/model_input"))
            st = judge(v, "model_input", r->in, r->o->guidance.scale > 1 ? 2 : 1, r->e->unet_config.in, H, w,
                       DR_TOL_FORWARD);
    }
    return st;
}

static dr_status judge_steps(dr_verifier *v, const dr_dress_run *r, const trace *t)
{
    int64_t H = 2 * r->h, w = r->w, C = r->latent, steps = dr_sampler_calls(r->sampler);
    const struct {
        const char *name;
        const float *values;
    } all[] = {{"noise_uncond", t->uncond},
               {"noise_cond", t->cond},
               {"noise_pred", t->predicted},
               {"prev_sample", t->latents}};
    dr_status st = DR_OK;
    for (size_t k = r->o->guidance.scale > 1 ? 0 : 1; !st && k < 4; k++)
        st = judge(v, all[k].name, all[k].values, steps, C, H, w, DR_TOL_FORWARD);
    return st;
}

dr_status dr_verify_catvton_step(dr_verifier *v)
{
    arguments a;
    dr_dress_run r = {0};
    trace t = {0};
    dr_status st = open_engine(v);
    if (!st)
        st = read_arguments(v, &a);
    if (!st)
        st = size_from(v, "in/latents", &a.o);
    if (st)
        return st;
    st = dr_dress_begin(&r, &v->engine, &a.o);
    if (!st)
        st = take_condition(v, &r);
    if (!st)
        st = replay_steps(v, &r, &t);
    if (!st)
        st = judge_steps(v, &r, &t);
    dr_dress_end(&r);
    return st;
}

/* --- whole runs ----------------------------------------------------------------------------------- */

/* The run's pictures, beside the case, and what is made of them. */
typedef struct pictures {
    dr_image photo, mask, garment, small, hole, cloth; /* the last three at the working size */
    dr_fit fit;
    bool hard, repaint;
} pictures;

static void pictures_clear(pictures *p)
{
    dr_image *all[] = {&p->photo, &p->mask, &p->garment, &p->small, &p->hole, &p->cloth};
    for (size_t i = 0; i < 6; i++)
        dr_image_clear(all[i]);
}

static dr_status read_beside(dr_verifier *v, const char *key, dr_image *out, int channels, bool *hard)
{
    char dir[PATH_MAX], path[PATH_MAX];
    const char *name;
    dr_status st = dr_json_string(v->args, v->path, key, "", &name);
    if (!st && (!name[0] || strchr(name, '/')))
        st = dr_fail(DR_EINVAL, "'%s': \"%s\" is '%s', expected the name of a file beside it", v->path, key, name);
    if (!st)
        st = dr_path_folder(dir, sizeof dir, v->path);
    if (!st)
        st = dr_path(path, sizeof path, dir, name);
    return st ? st : dr_image_read_stored(out, path, channels, hard);
}

static dr_status read_pictures(dr_verifier *v, pictures *p, const dr_dress_options *o)
{
    dr_status st = dr_verify_fit(v, &p->fit);
    if (!st)
        st = dr_json_bool(v->args, v->path, "repaint", false, &p->repaint);
    if (!st)
        st = read_beside(v, "person", &p->photo, 3, NULL);
    if (!st)
        st = read_beside(v, "mask", &p->mask, 0, &p->hard);
    if (!st)
        st = read_beside(v, "garment", &p->garment, 3, NULL);
    if (!st)
        st = dr_fit_person(p->fit, &p->photo, &(dr_raw_mask){&p->mask, p->hard}, o->width, o->height, &p->small,
                           &p->hole);
    return st ? st : dr_fit_garment(p->fit, &p->garment, o->width, o->height, &p->cloth);
}

/* Whether this machine draws what was drawn: by the seeds alone. */
static dr_status judge_draws(dr_verifier *v, const dr_dress_run *r, const arguments *a)
{
    int64_t h = r->h, w = r->w, C = r->latent, steps = dr_sampler_calls(r->sampler);
    float *vae = dr_arena_alloc(&v->results, r->n * sizeof *vae),
          *start = dr_arena_alloc(&v->results, r->n * sizeof *vae);
    float *step = dr_arena_alloc(&v->results, (size_t)steps * r->n * sizeof *step);
    dr_rng own, shared;
    if (!vae || !start || !step)
        return DR_ENOMEM;
    dr_rng_seed(&shared, a->o.seed);
    dr_rng_seed(&own, a->vae_seed);
    for (size_t i = 0; i < 2; i++)
        dr_randn_nhwc(a->one_stream ? &shared : &own, vae + i * r->half, 1, h, w, C);
    dr_randn_nhwc(&shared, start, 1, 2 * h, w, C);
    for (size_t i = 0; i < (size_t)steps; i++)
        dr_randn_nhwc(&shared, step + i * r->n, 1, 2 * h, w, C);
    dr_status st = judge(v, "vae_noise", vae, 2, C, h, w, DR_TOL_RANDOM);
    if (!st)
        st = judge(v, "noise", start, 1, C, 2 * h, w, DR_TOL_RANDOM);
    return st ? st : judge(v, "step_noise", step, steps, C, 2 * h, w, DR_TOL_RANDOM);
}

/* From the recorded draws. */
static dr_status replay(dr_verifier *v, dr_dress_run *r, const pictures *p, trace *t)
{
    int64_t h = r->h, w = r->w, C = r->latent, steps = dr_sampler_calls(r->sampler);
    float *vae = recorded(v, "want", "vae_noise", 2, C, h, w);
    float *start = vae ? recorded(v, "want", "noise", 1, C, 2 * h, w) : NULL;
    float *noise = start ? recorded(v, "want", "step_noise", steps, C, 2 * h, w) : NULL;
    dr_status st = noise ? trace_init(v, t, (size_t)steps * r->n) : DR_EINVAL;
    if (!st)
        st = dr_dress_encode(r, &p->small, &p->hole, &p->cloth, vae, NULL);
    if (!st)
        st = judge(v, "masked_latent", r->condition + r->n, 1, C, h, w, DR_TOL_RUN);
    if (!st)
        st = judge(v, "condition_latent", r->condition + r->n + r->half, 1, C, h, w, DR_TOL_RUN);
    if (!st)
        st = judge(v, "mask_latent", r->mask, 1, 1, 2 * h, w, DR_TOL_EXACT);
    if (!st)
        dr_dress_start(r, start);
    for (int i = 0; !st && i < (int)steps; i++)
        st = one_step(r, i, noise, t);
    if (!st)
        st = judge(v, "noise_pred", t->predicted, steps, C, 2 * h, w, DR_TOL_RUN);
    return st ? st : judge(v, "latents", t->latents, steps, C, 2 * h, w, DR_TOL_RUN);
}

static dr_status judge_times(dr_verifier *v, const dr_dress_run *r)
{
    int steps = dr_sampler_calls(r->sampler);
    float *t = dr_arena_alloc(&v->results, (size_t)steps * sizeof *t);
    for (int i = 0; t && i < steps; i++)
        t[i] = dr_sampler_timestep(r->sampler, i);
    return t ? dr_case_output(v, "timesteps", t, steps, DR_TOL_EXACT) : DR_ENOMEM;
}

/* The picture, and before that what was there before it was painted over. */
static dr_status judge_result(dr_verifier *v, dr_dress_run *r, const pictures *p)
{
    dr_image out = {0};
    dr_status st = dr_dress_decode(r, &out);
    if (!st && p->repaint) {
        st = dr_case_picture(v, ".before-repaint.png", &out);
        if (!st)
            st = dr_fit_repaint(&out, &p->photo, &p->mask);
    }
    if (!st)
        st = dr_case_picture(v, ".png", &out);
    dr_image_clear(&out);
    return st;
}

dr_status dr_verify_catvton_run(dr_verifier *v)
{
    arguments a;
    dr_dress_run r = {0};
    trace t = {0};
    pictures p = {0};
    dr_status st = open_engine(v);
    if (!st)
        st = read_arguments(v, &a);
    if (!st)
        st = size_from(v, "want/noise", &a.o);
    if (st)
        return st;
    st = read_pictures(v, &p, &a.o);
    if (!st)
        st = dr_dress_begin(&r, &v->engine, &a.o);
    if (!st)
        st = judge_times(v, &r);
    if (!st)
        st = judge_draws(v, &r, &a);
    if (!st)
        st = replay(v, &r, &p, &t);
    if (!st)
        st = judge_result(v, &r, &p);
    dr_dress_end(&r);
    pictures_clear(&p);
    return st;
}
