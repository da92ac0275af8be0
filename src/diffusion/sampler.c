/* Choosing a sampler, checking what was asked of it, and driving it. The kinds are in pndm.c, ddim.c, euler.c, dpm.c,
 * unipc.c and lcm.c. */
#include "diffusion/sampler.h"

#include "diffusion/sampler_impl.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASS(KIND, class, name) [DR_SAMPLER_##KIND] = &dr_sampler_##class,
static const dr_sampler_class *const classes[DR_SAMPLER_KINDS] = {DR_SAMPLERS(CLASS)};

dr_status dr_sampler_kind_parse(const char *name, dr_sampler_kind *out)
{
    char all[256] = "";

    for (dr_sampler_kind k = 0; k < DR_SAMPLER_KINDS; k++) {
        const dr_sampler_class *c = classes[k];
        if (strcmp(name, dr_sampler_kind_name(k)) == 0 || (c->diffusers && strcmp(name, c->diffusers) == 0)) {
            *out = k;
            return DR_OK;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", k ? ", " : "", dr_sampler_kind_name(k));
    }
    return dr_fail(DR_EINVAL, "there is no sampler '%.60s', expected one of %s", name, all);
}

dr_status dr_sampler_kind_of(const dr_schedule *sch, dr_sampler_kind *out)
{
    const char *name = sch->class_name;
    if (dr_sampler_kind_parse(name, out)) {
        dr_error_clear();
        return dr_fail(DR_EUNSUPPORTED,
                       "the model's scheduler is %s%.60s%s, which drape does not have; choose one with "
                       "--scheduler, ddim for one",
                       name[0] ? "'" : "without a name", name, name[0] ? "'" : "");
    }
    if (*out == DR_SAMPLER_DPMPP_2M && sch->sde)
        *out = DR_SAMPLER_DPMPP_2M_SDE;
    return DR_OK;
}

static dr_status check_options(const dr_sampler_class *c, const dr_schedule *sch, const dr_sampler_options *o)
{
    if (o->steps < 1 || o->steps > sch->train_timesteps)
        return dr_fail(DR_EINVAL, "%d sampling steps, expected 1 to %d", o->steps, sch->train_timesteps);
    if (!(o->strength > 0 && o->strength <= 1))
        return dr_fail(DR_EINVAL, "strength %g, expected more than 0 and at most 1", o->strength);
    if (!(o->eta >= 0 && o->eta <= 1))
        return dr_fail(DR_EINVAL, "eta %g, expected 0 to 1", o->eta);
    if (o->eta > 0 && o->kind != DR_SAMPLER_DDIM)
        return dr_fail(DR_EINVAL, "eta %g is for ddim, but the sampler is %s; leave eta at 0 or choose ddim", o->eta,
                       dr_sampler_kind_name(o->kind));
    if (o->karras && !c->knows_karras)
        return dr_fail(DR_EINVAL, "%s has no Karras sigmas, expected euler, heun, lms, dpm++2m, dpm++2m-sde or unipc",
                       dr_sampler_kind_name(o->kind));
    if (sch->solver_bh1 && o->kind == DR_SAMPLER_UNIPC)
        return dr_fail(DR_EUNSUPPORTED,
                       "the scheduler's solver_type is bh1, which is not supported with %s (its last step is "
                       "not a number); expected bh2",
                       dr_sampler_kind_name(o->kind));
    if (sch->prediction == DR_PREDICT_SAMPLE && !c->knows_sample)
        return dr_fail(DR_EINVAL, "%s cannot sample a model that predicts samples; choose ddim, say",
                       dr_sampler_kind_name(o->kind));
    return DR_OK;
}

/* diffusers' from_config: what the config leaves out is the class's own default. */
static void take_config(dr_sampler *s, const dr_schedule *sch, const dr_sampler_options *o)
{
    const dr_sampler_class *c = s->cls;
    bool rescale = sch->rescale_betas_zero_snr && c->knows_zero_snr;
    bool to_one = sch->set_alpha_to_one_given ? sch->set_alpha_to_one : c->alpha_to_one;
    dr_schedule own = *sch;

    if (!sch->beta_start_given)
        own.beta_start = c->latent_betas ? 0.00085 : 0.0001;
    if (!sch->beta_end_given)
        own.beta_end = c->latent_betas ? 0.012 : 0.02;
    if (!sch->beta_schedule_given)
        strcpy(own.beta_schedule, c->root_betas ? "scaled_linear" : "linear");
    s->kind = o->kind;
    s->steps = o->steps;
    s->train = sch->train_timesteps;
    s->steps_offset = sch->steps_offset;
    s->eta = (float)o->eta;
    s->karras = o->karras || (sch->karras && c->knows_karras);
    s->clip = c->knows_clip && (sch->clip_sample_given ? sch->clip_sample : c->clips);
    s->clip_range = (float)sch->clip_sample_range;
    s->skip_prk = sch->skip_prk_steps;
    s->heun = sch->solver_heun;
    s->cosine = strcmp(own.beta_schedule, "squaredcos_cap_v2") == 0;
    s->prediction = sch->prediction;
    s->spacing = sch->spacing_given ? sch->spacing : c->spacing;
    dr_schedule_alphas(&own, rescale, s->abar);
    if (rescale && c->form != DR_FORM_ABAR)
        s->abar[s->train - 1] = 0x1p-24F; /* keeps the first sigma finite */
    s->final_abar = to_one ? 1.0F : s->abar[0];
}

/* pipeline_stable_diffusion_inpaint.get_timesteps: strength below 1 leaves out the first steps. */
static dr_status skip_steps(dr_sampler *s, const dr_sampler_options *o)
{
    int left = (int)(o->steps * o->strength);

    if (left < 1)
        return dr_fail(DR_EINVAL, "strength %g leaves none of %d steps, expected strength times steps to be 1 or more",
                       o->strength, o->steps);
    s->begin = (o->steps - left) * s->cls->order;
    return DR_OK;
}

/* A noise prediction divided by sqrt(abar) says nothing where abar is 0. */
static dr_status check_zero_snr(const dr_sampler *s)
{
    if (s->cls->form != DR_FORM_ABAR || s->prediction != DR_PREDICT_EPSILON)
        return DR_OK;
    for (int i = s->begin; i < s->count; i++)
        if (s->abar[(int)s->timesteps[i]] <= 0)
            return dr_fail(DR_EINVAL,
                           "%s cannot start at timestep %d, where rescale_betas_zero_snr leaves pure noise and the "
                           "model predicts noise; choose leading timestep_spacing or a model of v_prediction",
                           dr_sampler_kind_name(s->kind), (int)s->timesteps[i]);
    return DR_OK;
}

dr_status dr_sampler_new(dr_sampler **out, const dr_schedule *sch, const dr_sampler_options *o)
{
    DR_ASSERT(o->kind >= 0 && o->kind < DR_SAMPLER_KINDS, "kind %d", (int)o->kind);
    const dr_sampler_class *c = classes[o->kind];
    dr_status st = check_options(c, sch, o);
    *out = NULL;
    if (st)
        return st;

    size_t planned = 2 * (size_t)o->steps + 16;
    dr_sampler *s = calloc(1, sizeof *s);
    if (s) {
        s->cls = c;
        s->abar = calloc((size_t)sch->train_timesteps, sizeof *s->abar);
        s->timesteps = calloc(planned, sizeof *s->timesteps);
        s->sigmas = calloc(planned, sizeof *s->sigmas);
    }
    if (!s || !s->abar || !s->timesteps || !s->sigmas) {
        st = dr_fail(DR_ENOMEM, "out of memory for a sampler of %d steps", o->steps);
        goto failed;
    }
    take_config(s, sch, o);
    if ((st = c->plan(s)) || (st = skip_steps(s, o)) || (st = check_zero_snr(s)))
        goto failed;
    *out = s;
    return DR_OK;

failed:
    dr_sampler_free(s);
    return st;
}

void dr_sampler_free(dr_sampler *s)
{
    if (!s)
        return;
    free(s->abar);
    free(s->timesteps);
    free(s->sigmas);
    free(s->memory);
    free(s);
}

int dr_sampler_calls(const dr_sampler *s)
{
    return s->count - s->begin;
}

/* The place of call i in the whole plan. */
static int place(const dr_sampler *s, int i)
{
    DR_ASSERT(i >= 0 && i < dr_sampler_calls(s), "call %d of %d", i, dr_sampler_calls(s));
    return s->begin + i;
}

float dr_sampler_timestep(const dr_sampler *s, int i)
{
    return s->timesteps[place(s, i)];
}

float dr_sampler_init_sigma(const dr_sampler *s)
{
    if (s->cls->form != DR_FORM_VE)
        return 1.0F;
    float highest = s->sigmas[0];
    return s->spacing == DR_SPACING_LEADING ? sqrtf(highest * highest + 1.0F) : highest;
}

void dr_sampler_scale(const dr_sampler *s, int i, const float *x, size_t n, float *scaled)
{
    int at = place(s, i);

    if (s->cls->form != DR_FORM_VE) {
        memmove(scaled, x, n * sizeof *x);
        return;
    }
    float deviation = sqrtf(s->sigmas[at] * s->sigmas[at] + 1.0F);
    for (size_t k = 0; k < n; k++)
        scaled[k] = x[k] / deviation;
}

static dr_status make_room(dr_sampler *s, size_t n)
{
    size_t buffers = 2 + (size_t)s->cls->history;

    if (n == 0)
        return dr_fail(DR_EINVAL, "a sample of no values cannot be stepped");
    if (s->n != 0)
        return dr_fail(DR_EINVAL, "the sample has %zu values, but the sampler began with %zu", n, s->n);
    if (n > SIZE_MAX / sizeof(float) / buffers || !(s->memory = malloc(buffers * n * sizeof(float))))
        return dr_fail(DR_ENOMEM, "out of memory for a sampler's history of %zu times %zu values", buffers, n);
    s->n = n;
    s->x0 = s->memory;
    s->noise = s->memory + n;
    for (int i = 0; i < s->cls->history; i++)
        s->past[i] = s->memory + (2 + (size_t)i) * n;
    return DR_OK;
}

dr_status dr_sampler_step(dr_sampler *s, int i, const float *model_output, float *x, size_t n, dr_rng *rng)
{
    int at = place(s, i);
    dr_status st;

    DR_ASSERT(i == s->next || i == 0, "call %d after %d calls", i, s->next);
    if ((n == 0 || n != s->n) && (st = make_room(s, n)))
        return st;
    if (i == 0)
        s->next = s->kept = s->order = 0;
    if (s->cls->draws && s->cls->draws(s, at)) {
        if (!rng && !s->given)
            return dr_fail(DR_EINVAL, "%s draws noise at every step and got no generator",
                           dr_sampler_kind_name(s->kind));
        if (s->given)
            memcpy(s->noise, s->given, n * sizeof *s->noise);
        else
            dr_sampler_draw(s, rng, s->noise, n);
    }
    s->given = NULL;
    s->cls->step(s, at, model_output, x, n);
    s->next++;
    return DR_OK;
}

void dr_sampler_give_noise(dr_sampler *s, const float *noise)
{
    s->given = noise;
}

const float *dr_sampler_x0(const dr_sampler *s)
{
    return s->next > 0 ? s->x0 : NULL;
}

void dr_sampler_add_noise(const dr_sampler *s, int i, const float *x0, const float *noise, size_t n, float *out)
{
    float keep = 1.0F, blur = 1.0F;
    int at = place(s, i);

    switch (s->cls->form) {
    case DR_FORM_ABAR: {
        float abar = dr_abar(s, (int)s->timesteps[at]);
        keep = sqrtf(abar);
        blur = sqrtf(1.0F - abar);
        break;
    }
    case DR_FORM_VP:
        keep = dr_vp_alpha(s->sigmas[at]);
        blur = s->sigmas[at] * keep;
        break;
    case DR_FORM_VE:
        blur = s->sigmas[at];
        break;
    }
    for (size_t k = 0; k < n; k++)
        out[k] = keep * x0[k] + blur * noise[k];
}

void dr_sampler_noise_layout(dr_sampler *s, int64_t count, int64_t H, int64_t W, int64_t C)
{
    DR_ASSERT(count > 0 && H > 0 && W > 0 && C > 0, "noise of [%lld,%lld,%lld,%lld]", (long long)count, (long long)H,
              (long long)W, (long long)C);
    s->layout[0] = count;
    s->layout[1] = H;
    s->layout[2] = W;
    s->layout[3] = C;
}
