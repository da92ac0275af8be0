/* What the library tells of models and machines, and the stages that can be run one by one. */
#include "drape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NANO DR_SOURCE_DIR "/tests/golden/nano"
#define PARSER DR_SOURCE_DIR "/tests/golden/clothes-nano"

/* --- files --------------------------------------------------------------------------------------- */

typedef struct seen {
    int tensors, metadata;
    size_t bytes;
    char last[256];
} seen;

static void see_tensor(void *user, const drape_tensor *t)
{
    seen *s = user;
    size_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= (size_t)t->dim[i];
    assert_string_equal(t->dtype, "F16");
    assert_int_equal(t->size, 2 * n);
    assert_non_null(t->data);
    assert_true(strcmp(t->name, s->last) > 0);
    strncpy(s->last, t->name, sizeof s->last - 1);
    s->tensors++;
    s->bytes += t->size;
}

static void see_metadata(void *user, const char *key, const char *value)
{
    seen *s = user;
    assert_string_equal(key, "format");
    assert_string_equal(value, "pt");
    s->metadata++;
}

static void a_files_tensors_come_by_name_with_their_values(void **state)
{
    seen s = {0};
    (void)state;
    const drape_tensor_callbacks cb = {&s, see_tensor, see_metadata};
    assert_int_equal(drape_tensors_read(NANO "/vae/diffusion_pytorch_model.safetensors", &cb), DRAPE_OK);
    assert_true(s.tensors > 50 && s.bytes > 10000);
    assert_int_equal(s.metadata, 1);
    assert_int_equal(drape_tensors_read(NANO "/vae/config.json", &cb), DRAPE_EINVAL);
    assert_int_equal(drape_tensors_read(NANO "/nothing", &cb), DRAPE_ENOENT);
}

static void a_models_parts_are_told_from_their_configs(void **state)
{
    char *json;
    (void)state;
    assert_int_equal(drape_model_parts(NANO, &json), DRAPE_OK);
    assert_non_null(strstr(json, "\"part\": \"unet\""));
    assert_non_null(strstr(json, "\"in_channels\": 9"));
    assert_non_null(strstr(json, "\"part\": \"text_encoder\""));
    free(json);
    assert_int_equal(drape_model_parts(PARSER, &json), DRAPE_OK);
    assert_non_null(strstr(json, "clothes parser"));
    free(json);
    assert_int_equal(drape_model_parts(DR_SOURCE_DIR "/tests", &json), DRAPE_ENOENT);
    assert_null(json);
}

/* --- this machine -------------------------------------------------------------------------------- */

static void the_machine_is_told(void **state)
{
    drape_machine m;
    const char *name, *what;
    int n = 0;
    (void)state;
    drape_machine_info(&m);
    assert_true(m.cpu[0] && m.isa[0] && m.threads >= 1);
    while (drape_machine_backend(n, &name, &what)) {
        assert_true(name[0] != 0);
        n++;
    }
    assert_true(n >= 1);
    assert_false(drape_machine_backend(-1, &name, &what));
    char *ops = drape_machine_ops();
    assert_non_null(strstr(ops, "conv2d"));
    free(ops);
}

/* --- stages -------------------------------------------------------------------------------------- */

static bool stop(void *user)
{
    return *(bool *)user;
}

static void a_pipelines_stages_run_one_by_one(void **state)
{
    drape_stages *s;
    bool stopped = false;
    (void)state;
    assert_int_equal(drape_stages_open(&s, NANO, 32, 24, NULL, stop, &stopped), DRAPE_OK);
    assert_string_equal(drape_stages_names(s), "text,vae-encode,unet,vae-decode");
    assert_int_equal(drape_stages_run(s, "unet"), DRAPE_OK); /* encodes a prompt by itself */
    drape_stages_release(s);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(drape_stages_run(s, "text"), DRAPE_OK);
        assert_int_equal(drape_stages_run(s, "vae-encode"), DRAPE_OK);
        assert_int_equal(drape_stages_run(s, "unet"), DRAPE_OK);
        assert_int_equal(drape_stages_run(s, "vae-decode"), DRAPE_OK);
    }
    assert_int_equal(drape_stages_run(s, "parser"), DRAPE_EINVAL);
    assert_int_equal(drape_stages_run(s, "paint"), DRAPE_EINVAL);
    assert_non_null(strstr(drape_error(), "unknown stage 'paint'"));
    stopped = true;
    assert_int_equal(drape_stages_run(s, "text"), DRAPE_ECANCELLED);
    drape_stages_free(s);
}

static void a_parser_has_one_stage(void **state)
{
    drape_stages *s;
    (void)state;
    assert_int_equal(drape_stages_open(&s, PARSER, 33, 41, NULL, NULL, NULL), DRAPE_OK);
    assert_string_equal(drape_stages_names(s), "parser");
    assert_int_equal(drape_stages_run(s, "parser"), DRAPE_OK);
    assert_int_equal(drape_stages_run(s, "unet"), DRAPE_EINVAL);
    drape_stages_free(s);
}

static void what_cannot_be_run_is_refused_at_once(void **state)
{
    drape_stages *s;
    (void)state;
    assert_int_equal(drape_stages_open(&s, NANO, 33, 32, NULL, NULL, NULL), DRAPE_EINVAL);
    assert_string_equal(drape_error(), "the size 33x32 is not a multiple of 4, which this model needs");
    assert_null(s);
    assert_int_equal(drape_stages_open(&s, NANO, 0, 32, NULL, NULL, NULL), DRAPE_EINVAL);
    assert_int_equal(drape_stages_open(&s, NANO "/nothing", 32, 32, NULL, NULL, NULL), DRAPE_ENOENT);
}

/* --- checking, making, getting ------------------------------------------------------------------- */

static void a_golden_case_is_judged(void **state)
{
    drape_verifier *v;
    drape_verify_result r;
    (void)state;
    assert_int_equal(drape_verifier_new(&v, NANO, NULL), DRAPE_OK);
    assert_int_equal(drape_verify_case(v, NANO "-cases/unet-blocks.safetensors", &r), DRAPE_OK);
    assert_true(r.ok);
    assert_string_equal(r.kind, "unet");
    assert_int_equal(r.outputs, 26);
    assert_int_equal(drape_verify_case(v, NANO "/vae/config.json", &r), DRAPE_EINVAL);
    drape_verifier_free(v);
}

static bool stop_at_once(void *user, int64_t done, int64_t total)
{
    (void)user, (void)done, (void)total;
    return true;
}

static void a_folder_is_not_made_with_what_is_not_known(void **state)
{
    char dir[] = "/tmp/drape-look-XXXXXX";
    drape_init_options o = {.dtype = "f8", .seed = -1};
    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(drape_init(dir, &o), DRAPE_EINVAL);
    assert_string_equal(drape_error(), "dtype 'f8' is none of f32, f16, bf16");
    o = (drape_init_options){.arch = "sd9", .seed = -1};
    assert_true(drape_init(dir, &o) != DRAPE_OK);
    o = (drape_init_options){.seed = -1, .progress = stop_at_once};
    assert_int_equal(drape_init(dir, &o), DRAPE_ECANCELLED);
    assert_int_equal(rmdir(dir), 0); /* nothing was left in it */
}

static void a_name_that_is_no_repo_is_not_pulled(void **state)
{
    (void)state;
    assert_int_equal(drape_pull("no repo", NULL, NULL, 0), DRAPE_EINVAL);
    assert_int_equal(
        drape_pull("org/name", &(drape_pull_options){.offline = true, .out_dir = "/nonexistent/x"}, NULL, 0),
        DRAPE_ENET);
}

static void names_of_pictures_are_known(void **state)
{
    (void)state;
    assert_true(drape_image_can_write("a.PNG"));
    assert_false(drape_image_can_write("a.heic"));
    assert_true(drape_image_has_name("a.heic"));
    assert_false(drape_image_has_name("a.png/b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_files_tensors_come_by_name_with_their_values),
        cmocka_unit_test(a_models_parts_are_told_from_their_configs),
        cmocka_unit_test(the_machine_is_told),
        cmocka_unit_test(a_pipelines_stages_run_one_by_one),
        cmocka_unit_test(a_parser_has_one_stage),
        cmocka_unit_test(what_cannot_be_run_is_refused_at_once),
        cmocka_unit_test(a_golden_case_is_judged),
        cmocka_unit_test(a_folder_is_not_made_with_what_is_not_known),
        cmocka_unit_test(a_name_that_is_no_repo_is_not_pulled),
        cmocka_unit_test(names_of_pictures_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
