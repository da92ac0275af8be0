#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/path.h"
#include "models/tokenizer.h"
#include "pipeline/arch.h"
#include "pipeline/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/drape-test-XXXXXX";

static const char *at(const char *name)
{
    static char path[2][256];
    static int turn;
    turn = !turn;
    dr_path(path[turn], sizeof path[turn], folder, name);
    return path[turn];
}

/* The smallest pipeline that the configs allow; its vocabulary makes up most of it. */
static const char arch_text[] =
    "{\"dtype\": \"float16\", \"seed\": 3, \"pad_token\": \"!\","
    "\"unet\": {\"sample_size\": 8, \"in_channels\": 9, \"out_channels\": 4, \"layers_per_block\": 1,"
    "  \"block_out_channels\": [8, 8], \"attention_head_dim\": 2, \"cross_attention_dim\": 4, \"norm_num_groups\": 4,"
    "  \"down_block_types\": [\"CrossAttnDownBlock2D\", \"DownBlock2D\"],"
    "  \"up_block_types\": [\"UpBlock2D\", \"CrossAttnUpBlock2D\"]},"
    "\"vae\": {\"block_out_channels\": [8, 8], \"norm_num_groups\": 4, \"sample_size\": 16,"
    "  \"down_block_types\": [\"DownEncoderBlock2D\", \"DownEncoderBlock2D\"],"
    "  \"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\"]},"
    "\"text_encoder\": {\"vocab_size\": 49408, \"hidden_size\": 4, \"intermediate_size\": 8, \"num_hidden_layers\": 1,"
    "  \"num_attention_heads\": 2, \"hidden_act\": \"gelu\"},"
    "\"scheduler\": {\"class\": \"DDIMScheduler\", \"beta_start\": 0.00085}}";

static dr_init_options options(void)
{
    static char path[256];
    dr_init_options o = DR_INIT_DEFAULTS;
    dr_path(path, sizeof path, folder, "arch.json");
    assert_int_equal(dr_file_write(path, arch_text, strlen(arch_text)), DR_OK);
    o.arch = path;
    return o;
}

static void check_says(const char *why)
{
    assert_int_not_equal(dr_folder_check(at("p")), DR_OK);
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
}

static void a_new_folder_is_complete_and_sound(void **state)
{
    (void)state;
    dr_init_options o = options();
    assert_int_equal(dr_pipeline_init_folder(at("p"), &o), DR_OK);
    assert_int_equal(dr_folder_check(at("p")), DR_OK);

    json_t *j;
    assert_int_equal(dr_json_load(at("p/scheduler/scheduler_config.json"), &j), DR_OK);
    assert_string_equal(json_string_value(json_object_get(j, "_class_name")), "DDIMScheduler");
    assert_null(json_object_get(j, "class"));
    json_decref(j);
    assert_int_equal(dr_json_load(at("p/text_encoder/config.json"), &j), DR_OK);
    assert_string_equal(json_string_value(json_object_get(j, "model_type")), "clip_text_model");
    assert_string_equal(json_string_value(json_object_get(j, "torch_dtype")), "float16");
    json_decref(j);

    dr_safetensors f;
    assert_int_equal(dr_st_open(&f, at("p/text_encoder/model.safetensors")), DR_OK);
    const dr_st_entry *e = dr_st_find(&f, "text_model.embeddings.token_embedding.weight");
    assert_non_null(e);
    assert_int_equal(e->dtype, DR_F16);
    dr_st_close(&f);

    /* refused: it is not empty any more */
    assert_int_equal(dr_pipeline_init_folder(at("p"), &o), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "not an empty folder"));
    assert_int_equal(dr_folder_check(at("p")), DR_OK);
    assert_int_equal(dr_remove_tree(at("p")), DR_OK);
}

static void the_vocabulary_is_clips(void **state)
{
    (void)state;
    int32_t ids[DR_TOKENS];
    int count;
    dr_tokenizer *t;
    assert_int_equal(dr_clip_vocab_write(at("p"), "!"), DR_OK);
    assert_int_equal(dr_tokenizer_load(&t, at("p/tokenizer")), DR_OK);
    assert_int_equal(dr_tokenizer_vocab_size(t), DR_CLIP_VOCAB);
    /* transformers: CLIPTokenizer("a red dress").input_ids */
    assert_int_equal(dr_tokenizer_encode(t, "a red dress", ids, &count), DR_OK);
    const int32_t want[] = {49406, 320, 736, 2595, 49407, 0, 0};
    assert_memory_equal(ids, want, sizeof want);
    dr_tokenizer_free(t);

    json_t *vocab;
    assert_int_equal(dr_json_load(at("p/tokenizer/vocab.json"), &vocab), DR_OK);
    assert_int_equal(json_object_size(vocab), DR_CLIP_VOCAB);
    assert_int_equal(json_integer_value(json_object_get(vocab, "!")), 0);
    assert_int_equal(json_integer_value(json_object_get(vocab, "Ġ</w>")), 476);
    assert_int_equal(json_integer_value(json_object_get(vocab, "in")), 512);
    assert_int_equal(json_integer_value(json_object_get(vocab, "<|endoftext|>")), 49407);
    json_decref(vocab);
    assert_int_equal(dr_remove_tree(at("p")), DR_OK);
}

static bool stop_at_once(void *user, int64_t done, int64_t total)
{
    (void)done;
    assert_true(total > 49408);
    ++*(int *)user;
    return true;
}

static void a_stopped_init_leaves_nothing(void **state)
{
    (void)state;
    int calls = 0;
    dr_init_options o = options();
    o.progress = stop_at_once;
    o.user = &calls;
    assert_int_equal(dr_pipeline_init_folder(at("deep/er/p/"), &o), DR_ECANCELLED);
    assert_int_equal(calls, 1);
    assert_int_equal(rmdir(at("deep/er")), 0); /* empty: no temporary folder either */
    assert_int_equal(rmdir(at("deep")), 0);
}

static void bad_architectures_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *text, *why;
    } cases[] = {
        {"{}", "\"unet\" is missing"},
        {"{\"unet\": {}, \"vae\": {}, \"text_encoder\": {}, \"scheduler\": {}}", "block_out_channels"},
        {"{\"unet\": {}, \"vae\": {}, \"text_encoder\": {}, \"scheduler\": {}, \"dtype\": \"int8\"}", "\"int8\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dr_init_options o = options();
        assert_int_equal(dr_file_write(o.arch, cases[i].text, strlen(cases[i].text)), DR_OK);
        assert_int_equal(dr_pipeline_init_folder(at("p"), &o), DR_EINVAL);
        if (!strstr(dr_error(), cases[i].why))
            fail_msg("'%s' does not say '%s'", dr_error(), cases[i].why);
        assert_false(dr_exists(at("p")));
    }
    dr_arch a;
    assert_int_equal(dr_arch_load(&a, "sd3"), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "sd2-inpainting, sd15-inpainting"));
}

static void built_in_architectures_are_the_published_ones(void **state)
{
    (void)state;
    dr_arch a;
    assert_int_equal(dr_arch_load(&a, "sd2-inpainting"), DR_OK);
    assert_int_equal(json_integer_value(json_object_get(a.unet, "in_channels")), 9);
    assert_int_equal(json_integer_value(json_object_get(a.text_encoder, "num_hidden_layers")), 23);
    assert_string_equal(a.pad_token, "!");
    assert_int_equal(a.dtype, DR_F32);
    dr_arch_clear(&a);
    assert_int_equal(dr_arch_load(&a, "sd15-inpainting"), DR_OK);
    assert_int_equal(json_integer_value(json_object_get(a.unet, "cross_attention_dim")), 768);
    assert_string_equal(a.pad_token, "<|endoftext|>");
    dr_arch_clear(&a);
}

static void faults_of_a_folder_are_named(void **state)
{
    (void)state;
    check_says("there is no such folder");
    assert_int_equal(dr_file_write(at("p"), "x", 1), DR_OK);
    check_says("it is a file");
    unlink(at("p"));
    assert_int_equal(dr_mkdirs(at("p/unet")), DR_OK);
    check_says("no model_index.json");
    const char *flux = "{\"_class_name\": \"FluxPipeline\", \"transformer\": [\"diffusers\", \"X\"]}";
    assert_int_equal(dr_file_write(at("p/model_index.json"), flux, strlen(flux)), DR_OK);
    check_says("is a FluxPipeline, which has no unet");
    const char *xl = "{\"_class_name\": \"StableDiffusionXLInpaintPipeline\", \"unet\": [\"diffusers\", \"X\"],"
                     "\"text_encoder_2\": [\"transformers\", \"X\"]}";
    assert_int_equal(dr_file_write(at("p/model_index.json"), xl, strlen(xl)), DR_OK);
    check_says("which has a second text encoder");
    assert_int_equal(dr_folder_write_index(at("p"), "PNDMScheduler"), DR_OK);
    check_says("'unet/config.json' is missing");
    assert_int_equal(dr_file_write(at("p/unet/config.json"), "{}", 2), DR_OK);
    check_says("it has no vae");
    assert_int_equal(dr_remove_tree(at("p")), DR_OK);
}

/* What `name` in the hub's cache says when it is passed as a model. */
static void a_folder_of_the_hubs_cache_points_at_its_snapshot(void **state)
{
    (void)state;
    char hint[1024];
    assert_int_equal(dr_mkdirs(at("p/blobs")), DR_OK);
    assert_false(dr_snapshot_hint(at("p"), hint, sizeof hint));
    assert_string_equal(hint, "");
    assert_int_equal(dr_mkdirs(at("p/snapshots/0badc0de")), DR_OK);
    check_says("/p/snapshots/0badc0de'");
    assert_int_equal(dr_mkdirs(at("p/snapshots/1234abcd")), DR_OK);
    assert_int_equal(dr_mkdirs(at("p/refs")), DR_OK);
    assert_int_equal(dr_file_write(at("p/refs/main"), "0badc0de", 8), DR_OK);
    check_says("/p/snapshots/0badc0de'");
    assert_int_equal(dr_file_write(at("p/refs/main"), "1234abcd\n", 9), DR_OK);
    check_says("/p/snapshots/1234abcd'");
    assert_int_equal(dr_remove_tree(at("p")), DR_OK);
}

static void parts_are_copied_without_pickles(void **state)
{
    (void)state;
    const char *names[] = {"config.json", "merges.txt", "m.safetensors", "m.safetensors.index.json", "m.bin", ".x"};
    char name[64];
    assert_int_equal(dr_mkdirs(at("p/vae/inner.json")), DR_OK);
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "p/vae/%s", names[i]);
        assert_int_equal(dr_file_write(at(name), names[i], strlen(names[i])), DR_OK);
    }
    for (int weights = 0; weights < 2; weights++) {
        assert_int_equal(dr_folder_copy(at("p"), at("q"), "vae", weights), DR_OK);
        for (int i = 0; i < 6; i++) {
            snprintf(name, sizeof name, "q/vae/%s", names[i]);
            assert_int_equal(dr_exists(at(name)), i < 2 || (weights && i < 4));
        }
        assert_false(dr_exists(at("q/vae/inner.json")));
        char *text;
        size_t n;
        assert_int_equal(dr_file_read(at("q/vae/merges.txt"), 100, &text, &n), DR_OK);
        assert_string_equal(text, "merges.txt");
        free(text);
        assert_int_equal(dr_remove_tree(at("q")), DR_OK);
    }
    assert_int_equal(dr_remove_tree(at("p")), DR_OK);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(at("arch.json"));
    return rmdir(folder); /* fails if a test left something behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_folder_is_complete_and_sound),
        cmocka_unit_test(the_vocabulary_is_clips),
        cmocka_unit_test(a_stopped_init_leaves_nothing),
        cmocka_unit_test(bad_architectures_are_refused),
        cmocka_unit_test(built_in_architectures_are_the_published_ones),
        cmocka_unit_test(faults_of_a_folder_are_named),
        cmocka_unit_test(a_folder_of_the_hubs_cache_points_at_its_snapshot),
        cmocka_unit_test(parts_are_copied_without_pickles),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
