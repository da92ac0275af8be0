/* Expected numbers: diffusers 0.42.1, DDPMScheduler(...).alphas_cumprod, add_noise and get_velocity. */
#include "diffusion/schedule.h"

#include "base/file.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SD_BETAS "\"beta_schedule\":\"scaled_linear\",\"beta_start\":0.00085,\"beta_end\":0.012"

static dr_status parse(dr_schedule *s, const char *config)
{
    json_t *j;

    assert_int_equal(dr_json_parse(config, strlen(config), "config", &j), DR_OK);
    dr_status st = dr_schedule_parse(s, j, "config");
    json_decref(j);
    return st;
}

static void alphas_match_torch_for_every_beta_schedule(void **state)
{
    (void)state;
    static const int at[5] = {0, 1, 500, 998, 999};
    static const struct {
        const char *config;
        float want[5];
    } cases[] = {
        {"{" SD_BETAS "}", {0.999149978F, 0.998296022F, 0.276332468F, 0.00471669575F, 0.00466009509F}},
        {"{}", {0.999899983F, 0.999780059F, 0.0777966529F, 4.11819419e-05F, 4.03583035e-05F}},
        {"{\"beta_schedule\":\"squaredcos_cap_v2\"}",
         {0.999958694F, 0.99991256F, 0.492285043F, 2.42876627e-06F, 2.42873499e-09F}},
        {"{" SD_BETAS ",\"rescale_betas_zero_snr\":true}",
         {0.999149978F, 0.998233497F, 0.241018638F, 1.96796336e-07F, 0}},
    };

    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        dr_schedule s;
        assert_int_equal(parse(&s, cases[k].config), DR_OK);
        for (int i = 0; i < 5; i++)
            assert_float_equal(s.alphas_cumprod[at[i]], cases[k].want[i], 1e-5F * cases[k].want[i]);
        dr_schedule_clear(&s);
        assert_null(s.alphas_cumprod);
    }
}

static void rescaling_can_be_left_out(void **state)
{
    (void)state;
    dr_schedule s;
    float *plain = malloc(1000 * sizeof *plain);

    assert_non_null(plain);
    assert_int_equal(parse(&s, "{" SD_BETAS ",\"rescale_betas_zero_snr\":true}"), DR_OK);
    dr_schedule_alphas(&s, false, plain);
    assert_float_equal(plain[999], 0.00466009509F, 1e-8F);
    assert_float_equal(s.alphas_cumprod[999], 0, 0);
    dr_schedule_clear(&s);
    free(plain);
}

static void one_timestep_is_a_schedule(void **state)
{
    (void)state;
    dr_schedule s;

    assert_int_equal(parse(&s, "{" SD_BETAS ",\"num_train_timesteps\":1}"), DR_OK);
    assert_float_equal(s.alphas_cumprod[0], 0.999149978F, 1e-7F);
    dr_schedule_clear(&s);
}

static void noise_and_velocity_match_diffusers(void **state)
{
    (void)state;
    const float x0[2] = {1, -2}, noise[2] = {0.5F, 0.25F};
    float out[2];
    dr_schedule s;

    assert_int_equal(parse(&s, "{" SD_BETAS "}"), DR_OK);
    dr_schedule_add_noise(&s, x0, noise, 700, 2, out);
    assert_float_equal(out[0], 0.76619005F, 1e-6F);
    assert_float_equal(out[1], -0.33506593F, 1e-6F);
    dr_schedule_velocity(&s, x0, noise, 700, 2, out);
    assert_float_equal(out[0], -0.81421912F, 1e-6F);
    assert_float_equal(out[1], 1.98751867F, 1e-6F);
    dr_schedule_clear(&s);
}

static void the_target_is_what_the_model_predicts(void **state)
{
    static const char *const configs[] = {"{" SD_BETAS "}", "{" SD_BETAS ",\"prediction_type\":\"v_prediction\"}",
                                          "{" SD_BETAS ",\"prediction_type\":\"sample\"}"};
    const float x0[2] = {1, -2}, noise[2] = {0.5F, 0.25F};
    float v[2], out[2];
    (void)state;
    for (int i = 0; i < 3; i++) {
        dr_schedule s;
        assert_int_equal(parse(&s, configs[i]), DR_OK);
        dr_schedule_velocity(&s, x0, noise, 700, 2, v);
        dr_schedule_target(&s, x0, noise, 700, 2, out);
        assert_memory_equal(out, i == 0 ? noise : i == 1 ? v : x0, sizeof out);
        dr_schedule_clear(&s);
    }
}

static void what_a_config_leaves_out_is_known(void **state)
{
    (void)state;
    dr_schedule s;

    assert_int_equal(parse(&s, "{\"timestep_spacing\":null}"), DR_OK);
    assert_string_equal(s.class_name, "");
    assert_int_equal(s.train_timesteps, 1000);
    assert_int_equal(s.prediction, DR_PREDICT_EPSILON);
    assert_false(s.spacing_given || s.clip_sample_given || s.set_alpha_to_one_given || s.beta_schedule_given);
    assert_int_equal(s.advised_steps, 50);
    assert_float_equal(s.advised_guidance, 7.5, 0);
    assert_false(s.lay_cloth);
    assert_false(s.keep_unworn);
    dr_schedule_clear(&s);
    assert_int_equal(
        parse(&s, "{\"_class_name\":\"DDIMScheduler\",\"timestep_spacing\":\"trailing\",\"clip_sample\":"
                  "false,\"set_alpha_to_one\":true,\"skip_prk_steps\":true,\"steps_offset\":1,"
                  "\"prediction_type\":\"v_prediction\",\"use_karras_sigmas\":true,\"_drape_steps\":4,"
                  "\"_drape_guidance_scale\":3,\"_drape_lay_cloth\":true,\"_drape_keep_unworn\":true," SD_BETAS "}"),
        DR_OK);
    assert_string_equal(s.class_name, "DDIMScheduler");
    assert_int_equal(s.prediction, DR_PREDICT_V);
    assert_int_equal(s.spacing, DR_SPACING_TRAILING);
    assert_int_equal(s.steps_offset, 1);
    assert_true(s.spacing_given && s.clip_sample_given && s.set_alpha_to_one_given && s.beta_schedule_given);
    assert_true(s.set_alpha_to_one && s.skip_prk_steps && s.karras);
    assert_false(s.clip_sample);
    assert_int_equal(s.advised_steps, 4);
    assert_float_equal(s.advised_guidance, 3, 0);
    assert_true(s.lay_cloth);
    assert_true(s.keep_unworn);
    dr_schedule_clear(&s);
}

static void configs_that_cannot_be_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *config, *part;
        dr_status want;
    } bad[] = {
        {"{\"num_train_timesteps\":0}", "num_train_timesteps", DR_EINVAL},
        {"{\"num_train_timesteps\":10001}", "num_train_timesteps", DR_EINVAL},
        {"{\"num_train_timesteps\":\"1000\"}", "num_train_timesteps", DR_EINVAL},
        {"{\"beta_start\":0}", "betas from 0 to 0.02", DR_EINVAL},
        {"{\"beta_start\":0.5,\"beta_end\":0.4}", "betas from 0.5 to 0.4", DR_EINVAL},
        {"{\"beta_end\":1}", "betas from 0.0001 to 1", DR_EINVAL},
        {"{\"beta_start\":0.9,\"beta_end\":0.9}", "at the last timestep", DR_EINVAL},
        {"{\"beta_schedule\":\"sigmoid\"}", "'sigmoid', expected one of scaled_linear, linear", DR_EINVAL},
        {"{\"prediction_type\":\"flow\"}", "expected one of epsilon, v_prediction, sample", DR_EINVAL},
        {"{\"timestep_spacing\":\"even\"}", "expected one of leading, linspace, trailing", DR_EINVAL},
        {"{\"steps_offset\":-1}", "steps_offset", DR_EINVAL},
        {"{\"_drape_steps\":0}", "_drape_steps", DR_EINVAL},
        {"{\"_drape_guidance_scale\":-1}", "'_drape_guidance_scale' is -1", DR_EINVAL},
        {"{\"clip_sample_range\":0}", "clip_sample_range", DR_EINVAL},
        {"{\"_class_name\":[1]}", "_class_name", DR_EINVAL},
        {"{\"_class_name\":\"0123456789012345678901234567890123456789012345678901234567890123\"}", "64 characters",
         DR_EINVAL},
        {"{\"thresholding\":true}", "'thresholding' is true", DR_EUNSUPPORTED},
        {"{\"trained_betas\":[0.1]}", "'trained_betas' is [0.1]", DR_EUNSUPPORTED},
        {"{\"solver_order\":3}", "'solver_order' is 3, which is not supported; expected 2", DR_EUNSUPPORTED},
        {"{\"use_dynamic_shifting\":true}", "'use_dynamic_shifting' is true", DR_EUNSUPPORTED},
        {"{\"shift_terminal\":0.1}", "'shift_terminal' is", DR_EUNSUPPORTED},
        {"{\"solver_type\":\"rk4\"}", "'solver_type' is 'rk4'", DR_EUNSUPPORTED},
        {"{\"lower_order_final\":false}", "'lower_order_final' is false", DR_EUNSUPPORTED},
        {"{\"disable_corrector\":[0]}", "'disable_corrector' is [0]", DR_EUNSUPPORTED},
        {"{\"predict_x0\":false}", "'predict_x0' is false", DR_EUNSUPPORTED},
        {"{\"final_sigmas_type\":\"sigma_min\"}", "'final_sigmas_type'", DR_EUNSUPPORTED},
        {"{\"lambda_min_clipped\":-5.1}", "'lambda_min_clipped'", DR_EUNSUPPORTED},
        {"{\"use_flow_sigmas\":true}", "'use_flow_sigmas' is true", DR_EUNSUPPORTED},
        {"{\"use_exponential_sigmas\":true}", "'use_exponential_sigmas' is true", DR_EUNSUPPORTED},
        {"{\"use_beta_sigmas\":true}", "'use_beta_sigmas' is true", DR_EUNSUPPORTED},
        {"{\"use_lu_lambdas\":true}", "'use_lu_lambdas' is true", DR_EUNSUPPORTED},
        {"{\"interpolation_type\":\"log_linear\"}", "'interpolation_type'", DR_EUNSUPPORTED},
        {"{\"timestep_type\":\"continuous\"}", "'timestep_type'", DR_EUNSUPPORTED},
        {"{\"variance_type\":\"fixed_large\"}", "'variance_type'", DR_EUNSUPPORTED},
        {"{\"sigma_min\":0.02}", "'sigma_min'", DR_EUNSUPPORTED},
        {"{\"original_inference_steps\":100}", "'original_inference_steps' is 100", DR_EUNSUPPORTED},
        {"{\"timestep_scaling\":1}", "'timestep_scaling' is 1", DR_EUNSUPPORTED},
        {"{\"algorithm_type\":\"dpmsolver\"}", "\"dpmsolver\"", DR_EUNSUPPORTED},
    };

    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        dr_schedule s;
        assert_int_equal(parse(&s, bad[k].config), bad[k].want);
        assert_null(s.alphas_cumprod);
        if (!strstr(dr_error(), bad[k].part))
            fail_msg("'%s' lacks '%s'", dr_error(), bad[k].part);
    }
}

/* A DPMSolverMultistepScheduler's config as diffusers saves it: -Infinity is Python's, not JSON's. */
static void a_file_with_pythons_infinity_loads(void **state)
{
    (void)state;
    static const char text[] = "{\"_class_name\":\"DPMSolverMultistepScheduler\",\"lambda_min_clipped\": -Infinity,\n"
                               "\"algorithm_type\":\"dpmsolver++\",\"solver_order\":2," SD_BETAS "}\n";
    char path[] = "/tmp/drape-schedule-XXXXXX";
    int fd = mkstemp(path);
    dr_schedule s;

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(dr_file_write(path, text, sizeof text - 1), DR_OK);
    assert_int_equal(dr_schedule_load(&s, path), DR_OK);
    assert_string_equal(s.class_name, "DPMSolverMultistepScheduler");
    dr_schedule_clear(&s);
    assert_int_equal(dr_file_write(path, "[]", 2), DR_OK);
    assert_int_equal(dr_schedule_load(&s, path), DR_EINVAL);
    assert_int_equal(remove(path), 0);
    assert_true(dr_schedule_load(&s, path) != DR_OK);
    dr_schedule_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alphas_match_torch_for_every_beta_schedule),
        cmocka_unit_test(rescaling_can_be_left_out),
        cmocka_unit_test(one_timestep_is_a_schedule),
        cmocka_unit_test(noise_and_velocity_match_diffusers),
        cmocka_unit_test(the_target_is_what_the_model_predicts),
        cmocka_unit_test(what_a_config_leaves_out_is_known),
        cmocka_unit_test(configs_that_cannot_be_are_refused_with_a_reason),
        cmocka_unit_test(a_file_with_pythons_infinity_loads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
