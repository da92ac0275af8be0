/* Golden numbers: tools/golden/make_samplers.py, which says what the file holds. */
#include "diffusion/sampler.h"

#include "io/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifndef GOLDEN
#define GOLDEN DR_SOURCE_DIR "/tests/golden/diffusion/samplers.safetensors"
#endif

#define CHANNELS 4
#define CELLS 16 /* 4 x 4 latent cells */
#define VALUES ((size_t)(CHANNELS * CELLS))

static const char pndm_config[] =
    "{\"_class_name\":\"PNDMScheduler\",\"num_train_timesteps\":1000,\"beta_start\":0.00085,\"beta_end\":0.012,"
    "\"beta_schedule\":\"scaled_linear\",\"set_alpha_to_one\":false,\"skip_prk_steps\":true,\"steps_offset\":1}";

static dr_schedule schedule_of(const char *config)
{
    dr_schedule sch;
    json_t *j;

    assert_int_equal(dr_json_parse(config, strlen(config), "test", &j), DR_OK);
    assert_int_equal(dr_schedule_parse(&sch, j, "test"), DR_OK);
    json_decref(j);
    return sch;
}

static const float *golden(const dr_safetensors *f, size_t at, const char *what, size_t values)
{
    char name[64];

    snprintf(name, sizeof name, "%zu/%s", at, what);
    const dr_st_entry *e = dr_st_find(f, name);
    if (!e)
        return NULL;
    assert_int_equal(e->dtype, DR_F32);
    assert_int_equal(e->size, values * sizeof(float));
    return e->data;
}

/* Largest difference, in deviations of what is wanted. Values go channels last to PyTorch's order. */
static double error_of(const float *got_nhwc, const float *want)
{
    double worst = 0, sum = 0, squares = 0;

    for (size_t c = 0; c < CHANNELS; c++)
        for (size_t k = 0; k < CELLS; k++) {
            double w = want[c * CELLS + k], difference = fabs(got_nhwc[k * CHANNELS + c] - w);
            sum += w;
            squares += w * w;
            worst = difference > worst || isnan(difference) ? difference : worst;
        }
    double mean = sum / (double)VALUES;
    return worst / sqrt(squares / (double)VALUES - mean * mean);
}

static dr_sampler *sampler_of(const json_t *c, const dr_schedule *sch)
{
    dr_sampler_options o = {.steps = (int)json_integer_value(json_object_get(c, "steps")),
                            .karras = json_is_true(json_object_get(c, "karras")),
                            .eta = json_number_value(json_object_get(c, "eta")),
                            .strength = json_number_value(json_object_get(c, "strength"))};
    dr_sampler *s;

    assert_int_equal(dr_sampler_kind_parse(json_string_value(json_object_get(c, "sampler")), &o.kind), DR_OK);
    if (dr_sampler_new(&s, sch, &o))
        fail_msg("%s", dr_error());
    dr_sampler_noise_layout(s, 1, 4, 4, CHANNELS);
    return s;
}

/* The start, as a pipeline makes it: noise alone, or noise over clean latents. */
static void start(const dr_sampler *s, const json_t *c, dr_rng *rng, float *x)
{
    float clean[VALUES], noise[VALUES];
    dr_rng r;

    dr_randn_nhwc(rng, noise, 1, 4, 4, CHANNELS);
    dr_rng_seed(&r, (uint64_t)json_integer_value(json_object_get(c, "seed")) + 1);
    dr_randn_nhwc(&r, clean, 1, 4, 4, CHANNELS);
    if (json_number_value(json_object_get(c, "strength")) < 1) {
        dr_sampler_add_noise(s, 0, clean, noise, VALUES, x);
        return;
    }
    for (size_t i = 0; i < VALUES; i++)
        x[i] = noise[i] * dr_sampler_init_sigma(s);
}

/* The worst error of one case, in deviations. */
static double run_case(const dr_safetensors *f, const json_t *c, size_t index, const dr_schedule *sch)
{
    dr_sampler *s = sampler_of(c, sch);
    size_t calls = (size_t)dr_sampler_calls(s);
    const float *t = golden(f, index, "timesteps", calls), *scaled = golden(f, index, "scaled", calls * VALUES);
    const float *want = golden(f, index, "samples", (calls + 1) * VALUES);
    uint64_t seed = (uint64_t)json_integer_value(json_object_get(c, "seed"));
    double init = json_number_value(json_object_get(c, "init_sigma"));
    float x[VALUES], e[VALUES], in[VALUES];
    dr_rng rng, model;

    assert_non_null(t);
    assert_non_null(want);
    assert_true(fabs(dr_sampler_init_sigma(s) - init) <= 1e-6 * init);
    dr_rng_seed(&rng, seed);
    dr_rng_seed(&model, seed + 2);
    start(s, c, &rng, x);
    double worst = error_of(x, want);
    for (size_t k = 0; k < VALUES; k++) /* go on from the same bits */
        x[k] = want[k % CHANNELS * CELLS + k / CHANNELS];
    for (size_t i = 0; i < calls; i++) {
        assert_float_equal(dr_sampler_timestep(s, (int)i), t[i], 1e-3F);
        dr_sampler_scale(s, (int)i, x, VALUES, in);
        worst = fmax(worst, error_of(in, scaled ? scaled + i * VALUES : want + i * VALUES));
        dr_randn_nhwc(&model, e, 1, 4, 4, CHANNELS);
        for (size_t k = 0; k < VALUES; k++)
            e[k] = rintf(e[k] * 1024) / 1024;
        assert_int_equal(dr_sampler_step(s, (int)i, e, x, VALUES, &rng), DR_OK);
        double error = error_of(x, want + (i + 1) * VALUES);
        worst = isnan(error) ? INFINITY : fmax(worst, error);
    }
    dr_sampler_free(s);
    return worst;
}

static void every_sampler_follows_diffusers(void **state)
{
    (void)state;
    dr_safetensors f;
    json_error_t err;
    size_t i;
    json_t *c;
    int failures = 0;

    assert_int_equal(dr_st_open(&f, GOLDEN), DR_OK);
    json_t *cases = json_loads(dr_st_metadata(&f, "cases"), 0, &err);
    assert_true(json_array_size(cases) > 100);
    json_array_foreach(cases, i, c)
    {
        dr_schedule sch;
        assert_int_equal(dr_schedule_parse(&sch, json_object_get(c, "config"), "golden"), DR_OK);
        double error = run_case(&f, c, i, &sch);
        dr_schedule_clear(&sch);
        double allowed = 5e-6 + 8 * json_number_value(json_object_get(c, "roundings"));
        if (error > allowed) {
            char *text = json_dumps(c, JSON_COMPACT);
            print_error("case %zu is off by %g deviations, allowed %g: %s\n", i, error, allowed, text);
            free(text);
            failures++;
        }
    }
    json_decref(cases);
    dr_st_close(&f);
    assert_int_equal(failures, 0);
}

/* torch.randn(2,3,2,2) from seed 11: element [1,2,0,1] is the 22nd */
static void noise_is_drawn_as_nchw_and_stored_channels_last(void **state)
{
    (void)state;
    const float want[24] = {-0.51079756F, 1.02827179F,  -0.35315159F, 0.12299132F,  -0.18155447F, -1.49722815F,
                            0.14210454F,  -0.52428246F, 0.07443918F,  -0.18429555F, 0.79603678F,  0.95923430F,
                            0.77827471F,  0.48255539F,  -1.82910645F, -0.55144966F, 1.91127360F,  0.29790407F,
                            -0.70412296F, 0.49830028F,  -0.04881277F, 1.32515180F,  0.92400581F,  0.22552748F};
    float got[24];
    dr_rng r;

    dr_rng_seed(&r, 11);
    dr_randn_nhwc(&r, got, 2, 2, 2, 3);
    for (size_t n = 0; n < 2; n++)
        for (size_t c = 0; c < 3; c++)
            for (size_t k = 0; k < 4; k++)
                assert_float_equal(got[(n * 4 + k) * 3 + c], want[(n * 3 + c) * 4 + k], 1e-6F);
}

/* Shapes whose transposition has cycles of several lengths. */
static void any_shape_of_noise_is_stored_channels_last(void **state)
{
    (void)state;
    static const int64_t shapes[][4] = {{1, 1, 1, 1}, {2, 1, 1, 5}, {1, 8, 12, 1}, {3, 7, 5, 4}, {1, 3, 3, 9}};

    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        int64_t N = shapes[s][0], H = shapes[s][1], W = shapes[s][2], C = shapes[s][3];
        float plain[512], got[512];
        dr_rng a, b;
        dr_rng_seed(&a, s);
        dr_rng_seed(&b, s);
        dr_rng_normal(&a, plain, (size_t)(N * H * W * C));
        dr_randn_nhwc(&b, got, N, H, W, C);
        for (int64_t n = 0; n < N; n++)
            for (int64_t c = 0; c < C; c++)
                for (int64_t k = 0; k < H * W; k++)
                    assert_float_equal(got[(n * H * W + k) * C + c], plain[(n * C + c) * H * W + k], 0);
    }
}

/* With x = sqrt(abar) x0 + sqrt(1-abar) noise and the true noise as the model's output, x0 comes back. */
static void the_preview_is_the_clean_picture(void **state)
{
    (void)state;
    dr_schedule sch = schedule_of(pndm_config);

    for (int k = 0; k < DR_SAMPLER_KINDS; k++) {
        dr_sampler_options o = {.kind = (dr_sampler_kind)k, .steps = 10, .strength = 0.5};
        float clean[VALUES], noise[VALUES], x[VALUES];
        dr_sampler *s;
        dr_rng r;
        dr_rng_seed(&r, 4);
        dr_rng_normal(&r, clean, VALUES);
        dr_rng_normal(&r, noise, VALUES);
        for (size_t i = 0; i < VALUES; i++)
            clean[i] = fmaxf(fminf(clean[i], 1), -1); /* DDIM and DDPM clip by default */
        assert_int_equal(dr_sampler_new(&s, &sch, &o), DR_OK);
        assert_null(dr_sampler_x0(s));
        dr_sampler_add_noise(s, 0, clean, noise, VALUES, x);
        assert_int_equal(dr_sampler_step(s, 0, noise, x, VALUES, &r), DR_OK);
        for (size_t i = 0; i < VALUES; i++)
            assert_float_equal(dr_sampler_x0(s)[i], clean[i], 2e-5F);
        dr_sampler_free(s);
    }
    dr_schedule_clear(&sch);
}

static void a_sampler_can_be_run_again_from_the_first_call(void **state)
{
    (void)state;
    dr_schedule sch = schedule_of(pndm_config);

    for (int k = 0; k < DR_SAMPLER_KINDS; k++) {
        dr_sampler_options o = {.kind = (dr_sampler_kind)k, .steps = 7, .strength = 1};
        float x[2][5];
        dr_sampler *s;
        assert_int_equal(dr_sampler_new(&s, &sch, &o), DR_OK);
        for (int run = 0; run < 2; run++) {
            dr_rng r;
            dr_rng_seed(&r, 9);
            dr_rng_normal(&r, x[run], 5);
            int calls = run == 0 ? 3 : dr_sampler_calls(s);
            for (int i = 0; i < calls; i++) {
                const float e[5] = {0.1F * (float)i, 1, -1, 0.5F, 2};
                assert_int_equal(dr_sampler_step(s, i, e, x[run], 5, &r), DR_OK);
                if (i == 2 && run == 1)
                    assert_memory_equal(x[0], x[1], sizeof x[0]);
            }
        }
        dr_sampler_free(s);
    }
    dr_schedule_clear(&sch);
}

static void expect_refusal(const char *config, dr_sampler_options o, const char *part)
{
    dr_schedule sch = schedule_of(config);
    dr_sampler *s;

    assert_int_equal(dr_sampler_new(&s, &sch, &o), DR_EINVAL);
    assert_null(s);
    assert_non_null(strstr(dr_error(), part));
    dr_schedule_clear(&sch);
}

static void options_that_do_not_fit_are_refused_with_a_reason(void **state)
{
    (void)state;
    const dr_sampler_options ok = {.kind = DR_SAMPLER_DDIM, .steps = 20, .strength = 1};
    dr_sampler_options o;

#define REFUSED(config, part, ...)                                                                                     \
    do {                                                                                                               \
        o = ok;                                                                                                        \
        __VA_ARGS__;                                                                                                   \
        expect_refusal(config, o, part);                                                                               \
    } while (0)
    REFUSED(pndm_config, "0 sampling steps", o.steps = 0);
    REFUSED(pndm_config, "1001 sampling steps", o.steps = 1001);
    REFUSED(pndm_config, "strength 0,", o.strength = 0);
    REFUSED(pndm_config, "strength nan", o.strength = NAN);
    REFUSED(pndm_config, "leaves none of 20 steps", o.strength = 0.04);
    REFUSED(pndm_config, "eta 2,", o.eta = 2);
    REFUSED(pndm_config, "eta 0.5 is for ddim", o.eta = 0.5; o.kind = DR_SAMPLER_EULER);
    REFUSED(pndm_config, "ddim has no Karras sigmas", o.karras = true);
    REFUSED(pndm_config, "lcm takes at most 50", o.kind = DR_SAMPLER_LCM; o.steps = 51);
    REFUSED("{}", "needs at least 4 steps", o.kind = DR_SAMPLER_PNDM; o.steps = 3);
    REFUSED("{\"steps_offset\":200}", "steps_offset is 200", o.steps = 10);
    REFUSED("{\"prediction_type\":\"sample\"}", "pndm cannot sample", o.kind = DR_SAMPLER_PNDM);
    REFUSED("{\"num_train_timesteps\":20}", "lcm needs a schedule", o.kind = DR_SAMPLER_LCM);
    REFUSED("{\"num_train_timesteps\":20,\"timestep_spacing\":\"leading\"}", "takes at most 19 of 20",
            o.kind = DR_SAMPLER_UNIPC);
    REFUSED("{\"rescale_betas_zero_snr\":true,\"timestep_spacing\":\"trailing\"}", "pure noise", (void)o);
#undef REFUSED
}

static void noise_needs_a_generator_and_samples_keep_their_size(void **state)
{
    (void)state;
    dr_schedule sch = schedule_of(pndm_config);
    dr_sampler_options o = {.kind = DR_SAMPLER_EULER_A, .steps = 4, .strength = 1};
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const float e[8] = {0};
    dr_sampler *s;
    dr_rng r;

    assert_int_equal(dr_sampler_new(&s, &sch, &o), DR_OK);
    assert_int_equal(dr_sampler_step(s, 0, e, x, 0, &r), DR_EINVAL);
    assert_int_equal(dr_sampler_step(s, 0, e, x, 8, NULL), DR_EINVAL);
    dr_rng_seed(&r, 1);
    assert_int_equal(dr_sampler_step(s, 0, e, x, 8, &r), DR_OK);
    assert_int_equal(dr_sampler_step(s, 1, e, x, 7, &r), DR_EINVAL);
    assert_int_equal(dr_sampler_step(s, 1, e, x, SIZE_MAX / 4, &r), DR_EINVAL);
    dr_sampler_free(s);
    assert_int_equal(dr_sampler_new(&s, &sch, &o), DR_OK);
    assert_int_equal(dr_sampler_step(s, 0, e, x, SIZE_MAX / 4, &r), DR_ENOMEM);
    dr_sampler_free(s);
    dr_schedule_clear(&sch);
}

static void names_go_both_ways(void **state)
{
    (void)state;
    dr_sampler_kind kind;

    for (int k = 0; k < DR_SAMPLER_KINDS; k++) {
        assert_int_equal(dr_sampler_kind_parse(dr_sampler_kind_name((dr_sampler_kind)k), &kind), DR_OK);
        assert_int_equal(kind, k);
    }
    assert_int_equal(dr_sampler_kind_parse("DPMSolverMultistepScheduler", &kind), DR_OK);
    assert_int_equal(kind, DR_SAMPLER_DPMPP_2M);
    assert_int_equal(dr_sampler_kind_parse("LCMScheduler", &kind), DR_OK);
    assert_int_equal(kind, DR_SAMPLER_LCM);
    assert_int_equal(dr_sampler_kind_parse("DEISMultistepScheduler", &kind), DR_EINVAL);
    assert_non_null(
        strstr(dr_error(), "pndm, ddim, ddpm, euler, euler-a, heun, lms, dpm++2m, dpm++2m-sde, unipc, lcm"));
}

/* numpy.arange gives a 62nd point of 1e-13 for 61 trailing steps, and diffusers then a timestep of -1 */
static void trailing_steps_end_with_their_number(void **state)
{
    (void)state;
    dr_schedule sch = schedule_of("{\"timestep_spacing\":\"trailing\"}");
    dr_sampler_options o = {.kind = DR_SAMPLER_DDIM, .steps = 61, .strength = 1};
    dr_sampler *s;

    assert_int_equal(dr_sampler_new(&s, &sch, &o), DR_OK);
    assert_int_equal(dr_sampler_calls(s), 61);
    assert_float_equal(dr_sampler_timestep(s, 0), 999, 0);
    assert_float_equal(dr_sampler_timestep(s, 60), 15, 0);
    dr_sampler_free(s);
    dr_schedule_clear(&sch);
}

/* The config's class, and what else in it chooses. */
static void a_config_chooses_its_sampler(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        dr_sampler_kind kind;
    } cases[] = {
        {"{\"_class_name\":\"PNDMScheduler\"}", DR_SAMPLER_PNDM},
        {"{\"_class_name\":\"DPMSolverMultistepScheduler\"}", DR_SAMPLER_DPMPP_2M},
        {"{\"_class_name\":\"DPMSolverMultistepScheduler\",\"algorithm_type\":\"dpmsolver++\"}", DR_SAMPLER_DPMPP_2M},
        {"{\"_class_name\":\"DPMSolverMultistepScheduler\",\"algorithm_type\":\"deis\"}", DR_SAMPLER_DPMPP_2M},
        {"{\"_class_name\":\"DPMSolverMultistepScheduler\",\"algorithm_type\":\"sde-dpmsolver++\"}",
         DR_SAMPLER_DPMPP_2M_SDE},
        {"{\"_class_name\":\"UniPCMultistepScheduler\",\"algorithm_type\":\"sde-dpmsolver++\"}", DR_SAMPLER_UNIPC},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dr_schedule sch = schedule_of(cases[i].config);
        dr_sampler_kind kind;
        assert_int_equal(dr_sampler_kind_of(&sch, &kind), DR_OK);
        assert_int_equal(kind, cases[i].kind);
        dr_schedule_clear(&sch);
    }
    dr_schedule sch = schedule_of("{\"_class_name\":\"DEISMultistepScheduler\"}");
    dr_sampler_kind kind;
    assert_int_equal(dr_sampler_kind_of(&sch, &kind), DR_EUNSUPPORTED);
    assert_non_null(strstr(dr_error(), "'DEISMultistepScheduler', which drape does not have"));
    dr_schedule_clear(&sch);
}

/* diffusers' own numbers end in NaN there. */
static void unipc_with_bh1_is_refused(void **state)
{
    (void)state;
    dr_schedule sch = schedule_of("{\"_class_name\":\"UniPCMultistepScheduler\",\"solver_type\":\"bh1\"}");
    dr_sampler_options o = {.kind = DR_SAMPLER_UNIPC, .steps = 5, .strength = 1};
    dr_sampler *s;
    assert_int_equal(dr_sampler_new(&s, &sch, &o), DR_EUNSUPPORTED);
    assert_non_null(strstr(dr_error(), "solver_type is bh1"));
    o.kind = DR_SAMPLER_DPMPP_2M; /* takes it for midpoint */
    assert_int_equal(dr_sampler_new(&s, &sch, &o), DR_OK);
    dr_sampler_free(s);
    dr_schedule_clear(&sch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sampler_follows_diffusers),
        cmocka_unit_test(noise_is_drawn_as_nchw_and_stored_channels_last),
        cmocka_unit_test(any_shape_of_noise_is_stored_channels_last),
        cmocka_unit_test(the_preview_is_the_clean_picture),
        cmocka_unit_test(a_sampler_can_be_run_again_from_the_first_call),
        cmocka_unit_test(options_that_do_not_fit_are_refused_with_a_reason),
        cmocka_unit_test(noise_needs_a_generator_and_samples_keep_their_size),
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(trailing_steps_end_with_their_number),
        cmocka_unit_test(a_config_chooses_its_sampler),
        cmocka_unit_test(unipc_with_bh1_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
