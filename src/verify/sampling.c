/* Cases of random numbers and samplers. */
#include "verify/case.h"

#include <stdlib.h>
#include <string.h>

dr_status dr_verify_randn(dr_verifier *v)
{
    int64_t seed, n = 1;
    int shape[8], rank;
    dr_rng rng;
    dr_status st = dr_json_int(v->args, v->path, "seed", 0, INT64_MIN, INT64_MAX, &seed);
    if (!st)
        st = dr_json_ints(v->args, v->path, "shape", 1, 1, 1 << 20, 8, shape, &rank);
    if (st)
        return st;
    for (int i = 0; i < rank; i++)
        n = n * shape[i] > (1 << 28) ? 1 << 28 : n * shape[i];
    float *x = dr_arena_alloc(&v->tape.arena, (size_t)n * sizeof *x);
    if (!x)
        return DR_ENOMEM;
    dr_rng_seed(&rng, (uint64_t)seed);
    dr_rng_normal(&rng, x, (size_t)n);
    return dr_case_output(v, "noise", x, n, DR_TOL_RANDOM);
}

static dr_status parse_options(dr_verifier *v, dr_schedule *sch, dr_sampler_options *o)
{
    const json_t *options = json_object_get(v->args, "options");
    json_t *config = json_deep_copy(json_object_get(v->args, "config"));
    const char *name, *algorithm = "";
    int64_t steps = 0;
    if (!config)
        return dr_fail(DR_EINVAL, "'%s': \"args\" has no \"config\"", v->path);
    json_object_update(config, (json_t *)(uintptr_t)options);
    *o = (dr_sampler_options){.strength = 1};
    dr_status st = dr_json_string(v->args, v->path, "class", "", &name);
    if (!st)
        st = dr_json_string(config, v->path, "algorithm_type", "", &algorithm);
    if (!st)
        st = dr_sampler_kind_parse(strcmp(algorithm, "sde-dpmsolver++") == 0 ? "dpm++2m-sde" : name, &o->kind);
    if (!st)
        st = dr_json_bool(config, v->path, "use_karras_sigmas", false, &o->karras);
    if (!st)
        st = dr_json_double(v->args, v->path, "eta", 0, &o->eta);
    if (!st)
        st = dr_json_int(v->args, v->path, "steps", 20, 1, 1000, &steps);
    o->steps = (int)steps;
    if (!st)
        st = dr_schedule_parse(sch, config, v->path);
    json_decref(config);
    return st;
}

/* Feeds the fixed model outputs through the sampler, keeping what it did. */
static dr_status drive(dr_verifier *v, dr_sampler *s, float *x, const float *outputs, int64_t calls, size_t n,
                       dr_rng *rng)
{
    dr_arena *a = &v->tape.arena;
    float *times = dr_arena_alloc(a, (size_t)calls * sizeof *times);
    float *scaled = dr_arena_alloc(a, (size_t)calls * n * sizeof *scaled);
    float *samples = dr_arena_alloc(a, (size_t)calls * n * sizeof *samples);
    if (!times || !scaled || !samples)
        return DR_ENOMEM;
    for (int i = 0; i < (int)calls; i++) {
        times[i] = dr_sampler_timestep(s, i);
        dr_sampler_scale(s, i, x, n, scaled + (size_t)i * n);
        dr_status st = dr_sampler_step(s, i, outputs + (size_t)i * n, x, n, rng);
        if (st)
            return st;
        memcpy(samples + (size_t)i * n, x, n * sizeof *x);
    }
    dr_status st = dr_case_output(v, "timesteps", times, calls, DR_TOL_FORWARD);
    if (!st)
        st = dr_case_output(v, "scaled_inputs", scaled, calls * (int64_t)n, DR_TOL_FORWARD);
    return st ? st : dr_case_output(v, "samples", samples, calls * (int64_t)n, DR_TOL_FORWARD);
}

dr_status dr_verify_sampler(dr_verifier *v)
{
    dr_schedule sch = {0};
    dr_sampler_options o;
    dr_sampler *s = NULL;
    dr_rng rng;
    int64_t seed, d[4], dm[5];
    dr_status st = parse_options(v, &sch, &o);
    if (!st)
        st = dr_json_int(v->args, v->path, "noise_seed", 0, 0, INT64_MAX, &seed);
    float *x = st ? NULL : dr_case_input(v, "start", 4, d);
    float *outputs = x ? dr_case_input(v, "model_outputs", 5, dm) : NULL;
    if (!st && !outputs)
        st = DR_EINVAL;
    if (!st)
        st = dr_sampler_new(&s, &sch, &o);
    if (!st &&
        (dr_sampler_calls(s) != dm[0] || d[0] * d[1] * d[2] * d[3] * dm[0] != dm[0] * dm[1] * dm[2] * dm[3] * dm[4]))
        st = dr_fail(DR_EINVAL, "'%s': %lld model outputs, the sampler makes %d calls", v->path, (long long)dm[0],
                     dr_sampler_calls(s));
    if (!st) {
        size_t n = (size_t)(d[0] * d[1] * d[2] * d[3]);
        float *start = dr_arena_alloc(&v->tape.arena, n * sizeof *start);
        dr_rng_seed(&rng, (uint64_t)seed);
        if (start)
            dr_rng_normal(&rng, start, n); /* the generator drew the start before the steps' noise */
        st = start ? drive(v, s, x, outputs, dm[0], n, &rng) : DR_ENOMEM;
    }
    dr_sampler_free(s);
    dr_schedule_clear(&sch);
    return st;
}
