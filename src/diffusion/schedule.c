/* Reading scheduler_config.json and computing the schedule in PyTorch's precision: betas in float, their cumulative
 * product summed up in double and rounded to float at each timestep. */
#include "diffusion/schedule.h"

#include "base/file.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* scheduler_config.json is a page long */
#define CONFIG_MAX ((size_t)1 << 20)

/* Settings of diffusers' classes that change the numbers and of which we do one value (JSON text) only. */
static const struct {
    const char *key;
    const char *done[3];
} settled[] = {
    {"trained_betas", {NULL}},
    {"thresholding", {"false"}},
    {"use_exponential_sigmas", {"false"}},
    {"use_beta_sigmas", {"false"}},
    {"use_lu_lambdas", {"false"}},
    {"use_flow_sigmas", {"false"}},
    {"use_dynamic_shifting", {"false"}},
    {"shift_terminal", {NULL}},
    {"euler_at_final", {"false", "true"}}, /* with a last sigma of zero the last step is Euler's anyway */
    {"lower_order_final", {"true"}},
    {"predict_x0", {"true"}},
    {"solver_order", {"2"}},
    {"solver_p", {NULL}},
    {"disable_corrector", {"[]"}},
    {"algorithm_type", {"\"dpmsolver++\"", "\"sde-dpmsolver++\"", "\"deis\""}},
    {"final_sigmas_type", {"\"zero\""}},
    {"interpolation_type", {"\"linear\""}},
    {"timestep_type", {"\"discrete\""}},
    {"variance_type", {"\"fixed_small\""}},
    {"lambda_min_clipped", {NULL}},
    {"sigma_min", {NULL}},
    {"sigma_max", {NULL}},
    {"original_inference_steps", {"50"}},
    {"timestep_scaling", {"10.0", "10"}},
};

static dr_status check_settled(const json_t *config, const char *where)
{
    for (size_t i = 0; i < sizeof settled / sizeof *settled; i++) {
        const json_t *v = json_object_get(config, settled[i].key);
        bool done = !v || json_is_null(v);
        if (done)
            continue;
        char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
        if (!text)
            return dr_fail(DR_ENOMEM, "out of memory while reading '%s'", where);
        for (int k = 0; k < 3 && settled[i].done[k]; k++)
            done = done || strcmp(text, settled[i].done[k]) == 0;
        dr_status st = DR_OK;
        if (!done)
            st = dr_fail(DR_EUNSUPPORTED, "'%s': '%s' is %.60s, which is not supported; expected %s", where,
                         settled[i].key, text, settled[i].done[0] ? settled[i].done[0] : "null");
        free(text);
        if (st)
            return st;
    }
    return DR_OK;
}

/* The place of `name` in a list of names ended by NULL. */
static dr_status choose(const char *where, const char *key, const char *name, const char *const *names, int *out)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = i;
            return DR_OK;
        }
    return dr_fail(DR_EINVAL, "'%s': '%s' is '%.40s', expected one of %s, %s, %s", where, key, name, names[0], names[1],
                   names[2]);
}

static bool given(const json_t *config, const char *key)
{
    const json_t *v = json_object_get(config, key);

    return v && !json_is_null(v);
}

static dr_status parse_betas(dr_schedule *s, const json_t *config, const char *where)
{
    static const char *const names[] = {"scaled_linear", "linear", "squaredcos_cap_v2", NULL};
    const char *name;
    int which;
    dr_status st;

    if ((st = dr_json_double(config, where, "beta_start", 0.0001, &s->beta_start)) ||
        (st = dr_json_double(config, where, "beta_end", 0.02, &s->beta_end)) ||
        (st = dr_json_string(config, where, "beta_schedule", "linear", &name)) ||
        (st = choose(where, "beta_schedule", name, names, &which)))
        return st;
    strcpy(s->beta_schedule, names[which]);
    s->beta_start_given = given(config, "beta_start");
    s->beta_end_given = given(config, "beta_end");
    s->beta_schedule_given = given(config, "beta_schedule");
    /* below 1e-6 neighbouring timesteps would round to the same float */
    if (!(s->beta_start >= 1e-6 && s->beta_start <= s->beta_end && s->beta_end < 1))
        return dr_fail(DR_EINVAL, "'%s': betas from %g to %g, expected 1e-6 <= beta_start <= beta_end < 1", where,
                       s->beta_start, s->beta_end);
    return DR_OK;
}

/* One name for the settings of two classes: each takes the other's words for its own default. */
static dr_status parse_solver(dr_schedule *s, const json_t *config, const char *where)
{
    static const char *const known[] = {"midpoint", "heun", "bh1", "bh2", "logrho"};
    const char *solver;
    dr_status st = dr_json_string(config, where, "solver_type", "midpoint", &solver);
    if (st)
        return st;
    s->solver_heun = strcmp(solver, "heun") == 0;
    s->solver_bh1 = strcmp(solver, "bh1") == 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(solver, known[i]) == 0)
            return DR_OK;
    return dr_fail(DR_EUNSUPPORTED,
                   "'%s': 'solver_type' is '%.40s', which is not supported; expected midpoint, heun or bh2", where,
                   solver);
}

static dr_status parse_names(dr_schedule *s, const json_t *config, const char *where)
{
    static const char *const predictions[] = {"epsilon", "v_prediction", "sample", NULL};
    static const char *const spacings[] = {"leading", "linspace", "trailing", NULL};
    const char *class_name, *prediction, *spacing, *algorithm;
    int which;
    dr_status st;

    if ((st = dr_json_string(config, where, "_class_name", "", &class_name)) ||
        (st = dr_json_string(config, where, "prediction_type", "epsilon", &prediction)) ||
        (st = dr_json_string(config, where, "timestep_spacing", "leading", &spacing)))
        return st;
    size_t n = strlen(class_name);
    if (n >= sizeof s->class_name)
        return dr_fail(DR_EINVAL, "'%s': '_class_name' has %zu characters, expected at most %zu", where, n,
                       sizeof s->class_name - 1);
    memcpy(s->class_name, class_name, n + 1);
    if ((st = choose(where, "prediction_type", prediction, predictions, &which)))
        return st;
    s->prediction = (dr_prediction)which;
    if ((st = choose(where, "timestep_spacing", spacing, spacings, &which)))
        return st;
    s->spacing = (dr_spacing)which;
    s->spacing_given = given(config, "timestep_spacing");
    if ((st = dr_json_string(config, where, "algorithm_type", "", &algorithm)))
        return st;
    s->sde = strcmp(algorithm, "sde-dpmsolver++") == 0;
    return parse_solver(s, config, where);
}

static dr_status parse_numbers(dr_schedule *s, const json_t *config, const char *where)
{
    int64_t train, offset;
    dr_status st;

    if ((st = dr_json_int(config, where, "num_train_timesteps", 1000, 1, DR_MAX_TRAIN_TIMESTEPS, &train)) ||
        (st = dr_json_int(config, where, "steps_offset", 0, 0, DR_MAX_TRAIN_TIMESTEPS, &offset)) ||
        (st = dr_json_bool(config, where, "set_alpha_to_one", false, &s->set_alpha_to_one)) ||
        (st = dr_json_bool(config, where, "skip_prk_steps", false, &s->skip_prk_steps)) ||
        (st = dr_json_bool(config, where, "clip_sample", false, &s->clip_sample)) ||
        (st = dr_json_double(config, where, "clip_sample_range", 1.0, &s->clip_sample_range)) ||
        (st = dr_json_bool(config, where, "use_karras_sigmas", false, &s->karras)) ||
        (st = dr_json_bool(config, where, "rescale_betas_zero_snr", false, &s->rescale_betas_zero_snr)))
        return st;
    if (!(s->clip_sample_range > 0))
        return dr_fail(DR_EINVAL, "'%s': 'clip_sample_range' is %g, expected more than 0", where, s->clip_sample_range);
    s->train_timesteps = (int)train;
    s->steps_offset = (int)offset;
    s->set_alpha_to_one_given = given(config, "set_alpha_to_one");
    s->clip_sample_given = given(config, "clip_sample");
    return DR_OK;
}

/* Ours: how many steps and how much guidance suit the model. */
static dr_status parse_advice(dr_schedule *s, const json_t *config, const char *where)
{
    int64_t steps;
    dr_status st = dr_json_int(config, where, "_drape_steps", 50, 1, 1000, &steps);
    if (!st)
        st = dr_json_double(config, where, "_drape_guidance_scale", 7.5, &s->advised_guidance);
    if (!st)
        st = dr_json_bool(config, where, "_drape_lay_cloth", false, &s->lay_cloth);
    if (!st)
        st = dr_json_bool(config, where, "_drape_keep_unworn", false, &s->keep_unworn);
    if (!st)
        st = dr_json_bool(config, where, "_drape_keep_photos", false, &s->keep_photos);
    if (st)
        return st;
    if (!(s->advised_guidance >= 0 && s->advised_guidance <= 100))
        return dr_fail(DR_EINVAL, "'%s': '_drape_guidance_scale' is %g, expected 0 to 100", where, s->advised_guidance);
    s->advised_steps = (int)steps;
    s->advice_given = given(config, "_drape_steps");
    return DR_OK;
}

dr_status dr_schedule_parse(dr_schedule *s, const json_t *config, const char *where)
{
    dr_status st;

    memset(s, 0, sizeof *s);
    if ((st = parse_names(s, config, where)) || (st = parse_betas(s, config, where)) ||
        (st = parse_numbers(s, config, where)) || (st = parse_advice(s, config, where)) ||
        (st = check_settled(config, where)))
        return st;
    s->alphas_cumprod = malloc((size_t)s->train_timesteps * sizeof *s->alphas_cumprod);
    if (!s->alphas_cumprod)
        return dr_fail(DR_ENOMEM, "out of memory for a noise schedule of %d timesteps", s->train_timesteps);
    dr_schedule_alphas(s, false, s->alphas_cumprod);
    float last = s->alphas_cumprod[s->train_timesteps - 1];
    if (last < 1e-30F) {
        dr_schedule_clear(s);
        return dr_fail(DR_EINVAL,
                       "'%s': the betas leave %g of the picture at the last timestep, expected 1e-30 or more", where,
                       (double)last);
    }
    if (s->rescale_betas_zero_snr)
        dr_schedule_alphas(s, true, s->alphas_cumprod);
    return DR_OK;
}

dr_status dr_schedule_load(dr_schedule *s, const char *path)
{
    char *text;
    size_t n;
    json_t *config;
    dr_status st;

    memset(s, 0, sizeof *s);
    if ((st = dr_file_read(path, CONFIG_MAX, &text, &n)))
        return st;
    /* Python writes lambda_min_clipped's default as -Infinity, which is not JSON; null means the default too */
    for (char *p = text; (p = strstr(p, "-Infinity"));)
        memcpy(p, "null     ", 9);
    st = dr_json_parse(text, n, path, &config);
    free(text);
    if (st)
        return st;
    st = dr_schedule_parse(s, config, path);
    json_decref(config);
    return st;
}

void dr_schedule_clear(dr_schedule *s)
{
    free(s->alphas_cumprod);
    memset(s, 0, sizeof *s);
}

/* torch.linspace in float: from both ends towards the middle, with the fused multiply-add of its AVX2 code. */
static float linspace(double start, double end, int i, int n)
{
    float a = (float)start, b = (float)end;

    if (n == 1)
        return a;
    float step = (b - a) / (float)(n - 1);
    return i < n / 2 ? fmaf(step, (float)i, a) : fmaf(-step, (float)(n - 1 - i), b);
}

/* Nichol & Dhariwal 2021, arXiv:2102.09672, equation 17. */
static double cosine_alpha_bar(double t)
{
    double c = cos((t + 0.008) / 1.008 * 3.14159265358979323846 / 2);

    return c * c;
}

static float beta_at(const dr_schedule *s, int i)
{
    int n = s->train_timesteps;

    if (strcmp(s->beta_schedule, "linear") == 0)
        return linspace(s->beta_start, s->beta_end, i, n);
    if (strcmp(s->beta_schedule, "scaled_linear") == 0) {
        float root = linspace(sqrt(s->beta_start), sqrt(s->beta_end), i, n);
        return root * root;
    }
    double beta = 1 - cosine_alpha_bar((double)(i + 1) / n) / cosine_alpha_bar((double)i / n);
    return (float)fmin(beta, 0.999);
}

/* In place: sqrt(abar) shifted to end at 0 and scaled to begin where it did; then back through betas, as diffusers
 * does, whose roundings stay in the numbers. */
static void rescale_to_zero_snr(float *abar, int n)
{
    float first = sqrtf(abar[0]), last = sqrtf(abar[n - 1]);
    float scale = first / (first - last), before = 1;
    double product = 1;

    for (int i = 0; i < n; i++) {
        float root = (sqrtf(abar[i]) - last) * scale, now = root * root;
        float alpha = i == 0 ? now : now / before;
        float beta = 1.0F - alpha;
        product *= (double)(1.0F - beta);
        before = now;
        abar[i] = (float)product;
    }
}

void dr_schedule_alphas(const dr_schedule *s, bool rescale, float *out)
{
    double product = 1;

    for (int i = 0; i < s->train_timesteps; i++) {
        product *= (double)(1.0F - beta_at(s, i));
        out[i] = (float)product;
    }
    if (rescale && s->train_timesteps > 1)
        rescale_to_zero_snr(out, s->train_timesteps);
}

static void check_timestep(const dr_schedule *s, int t)
{
    DR_ASSERT(t >= 0 && t < s->train_timesteps, "timestep %d of %d", t, s->train_timesteps);
}

void dr_schedule_add_noise(const dr_schedule *s, const float *x0, const float *noise, int t, size_t n, float *out)
{
    check_timestep(s, t);
    float keep = sqrtf(s->alphas_cumprod[t]), blur = sqrtf(1.0F - s->alphas_cumprod[t]);

    for (size_t i = 0; i < n; i++)
        out[i] = keep * x0[i] + blur * noise[i];
}

void dr_schedule_velocity(const dr_schedule *s, const float *x0, const float *noise, int t, size_t n, float *out)
{
    check_timestep(s, t);
    float keep = sqrtf(s->alphas_cumprod[t]), blur = sqrtf(1.0F - s->alphas_cumprod[t]);

    for (size_t i = 0; i < n; i++)
        out[i] = keep * noise[i] - blur * x0[i];
}

void dr_schedule_target(const dr_schedule *s, const float *x0, const float *noise, int t, size_t n, float *out)
{
    if (s->prediction == DR_PREDICT_V)
        dr_schedule_velocity(s, x0, noise, t, n, out);
    else
        memcpy(out, s->prediction == DR_PREDICT_SAMPLE ? x0 : noise, n * sizeof *out);
}
