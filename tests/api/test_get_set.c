/* drape_pull() of a set, from a small hub on this machine that has the parts of all its repos. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "drape.h"

#include "../io/hub_server.h"

#define SET DR_SOURCE_DIR "/tests/golden/catvton/"

static hub_file files[] = {
    {"model_index.json", (const unsigned char *)"{\"_class_name\": \"StableDiffusionInpaintPipeline\"}", 49, false},
    {"scheduler/scheduler_config.json", NULL, 0, false},
    {"unet/config.json", NULL, 0, false},
    {"unet/diffusion_pytorch_model.fp16.safetensors", NULL, 0, true},
    {"unet/diffusion_pytorch_model.bin", (const unsigned char *)"pickle", 6, true},
    {"config.json", NULL, 0, false},
    {"diffusion_pytorch_model.safetensors", NULL, 0, true},
    {"mix-48k-1024/attention/model.safetensors", NULL, 0, true},
    {"vitonhd-16k-512/attention/model.safetensors", NULL, 0, true},
};
enum { FILES = sizeof files / sizeof *files };

static const char *const from[FILES] = {NULL,
                                        SET "base/scheduler/scheduler_config.json",
                                        SET "base/unet/config.json",
                                        SET "base/unet/diffusion_pytorch_model.fp16.safetensors",
                                        NULL,
                                        SET "sd-vae-ft-mse/config.json",
                                        SET "sd-vae-ft-mse/diffusion_pytorch_model.safetensors",
                                        SET "CatVTON/tiny-4k-32/attention/model.safetensors",
                                        SET "CatVTON/other-2k-32/attention/model.safetensors"};

static hub_server hub;
static char dir[64], out[128], said[4096];

static void on_note(void *user, const char *text)
{
    assert_int_equal(hub.bodies, *(const int *)user); /* before anything is fetched */
    strncat(said, text, sizeof said - strlen(said) - 1);
}

static drape_status pull(const char *version)
{
    int bodies = hub.bodies;
    drape_pull_options o = {.out_dir = out, .version = version, .note = on_note, .user = &bodies};
    said[0] = 0;
    drape_status st = drape_pull("catvton", &o, NULL, 0);
    hub_settle(&hub);
    return st;
}

static bool there(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", out, name);
    return dr_exists(path);
}

static void the_parts_come_into_one_folder_that_dresses(void **state)
{
    drape_pipeline *p;
    drape_model_info info;
    (void)state;
    if (pull(NULL))
        fail_msg("%s", drape_error());
    assert_non_null(strstr(said, "CC BY-NC-SA 4.0: not for commercial use"));
    assert_non_null(strstr(said, "OpenRAIL-M"));
    assert_non_null(strstr(said, "MIT"));
    assert_true(there("unet/config.json") && there("vae/diffusion_pytorch_model.safetensors") &&
                there("CatVTON/mix-48k-1024/attention/model.safetensors"));
    assert_false(there("unet/diffusion_pytorch_model.bin") || there("text_encoder"));
    if (drape_pipeline_load(&p, out, &(drape_load_options){.garment = true}))
        fail_msg("%s", drape_error());
    assert_int_equal(drape_pipeline_info(p, &info), DRAPE_OK);
    assert_int_equal(info.width, 768);
    assert_int_equal(info.height, 1024);
    drape_pipeline_free(p);
    int bodies = hub.bodies;
    assert_int_equal(pull(NULL), DRAPE_OK); /* all is there */
    assert_int_equal(hub.bodies, bodies);
    assert_int_equal(pull("vitonhd-16k-512"), DRAPE_OK); /* one more version beside the first */
    assert_int_equal(hub.bodies, bodies + 1);
    assert_true(there("CatVTON/mix-48k-1024/attention/model.safetensors") &&
                there("CatVTON/vitonhd-16k-512/attention/model.safetensors"));
    assert_int_equal(drape_pipeline_load(&p, out, &(drape_load_options){.garment = true}), DRAPE_EINVAL);
    assert_non_null(strstr(drape_error(), "2 versions"));
}

static void parts_that_do_not_fit_are_told(void **state)
{
    hub_file mix = files[7];
    char other[160];
    (void)state;
    files[7].data = files[6].data; /* a VAE in the attention's place */
    files[7].size = files[6].size;
    snprintf(other, sizeof other, "%s-other", out);
    drape_pull_options o = {.out_dir = other};
    assert_int_equal(drape_pull("catvton", &o, NULL, 0), DRAPE_EINVAL);
    assert_non_null(strstr(drape_error(), "0.to_q.weight"));
    hub_settle(&hub);
    files[7] = mix;
    o.revision = "main";
    assert_int_equal(drape_pull("catvton", &o, NULL, 0), DRAPE_EINVAL);
    o = (drape_pull_options){.out_dir = other, .version = "nothing"};
    assert_int_equal(drape_pull("catvton", &o, NULL, 0), DRAPE_EINVAL);
    assert_non_null(strstr(drape_error(), "has no version 'nothing'"));
}

static int start(void **state)
{
    char endpoint[64];
    (void)state;
    for (int i = 0; i < FILES; i++) {
        char *data;
        size_t size;
        if (!from[i])
            continue;
        if (dr_file_read(from[i], 1 << 20, &data, &size))
            return -1;
        files[i].data = (const unsigned char *)data;
        files[i].size = size;
    }
    snprintf(dir, sizeof dir, "/tmp/drape-test-set-XXXXXX");
    if (!mkdtemp(dir) || !hub_start(&hub, files, FILES))
        return -1;
    snprintf(out, sizeof out, "%s/catvton", dir);
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", hub.port);
    return setenv("HF_ENDPOINT", endpoint, 1) || unsetenv("HF_HUB_OFFLINE") || unsetenv("HF_TOKEN");
}

static int stop(void **state)
{
    (void)state;
    hub_stop(&hub);
    for (int i = 0; i < FILES; i++)
        if (from[i])
            free((void *)(uintptr_t)files[i].data);
    dr_remove_tree(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_come_into_one_folder_that_dresses),
        cmocka_unit_test(parts_that_do_not_fit_are_told),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
