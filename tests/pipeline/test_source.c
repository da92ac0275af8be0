#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "pipeline/convert.h"
#include "pipeline/folder.h"
#include "pipeline/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/"

static char folder[] = "/tmp/drape-test-XXXXXX";

static const char *at(const char *name)
{
    static char path[4][256];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void shell(const char *commands)
{
    char all[2000];
    snprintf(all, sizeof all, "cd '%s' && golden='%s' && { %s; }", folder, GOLDEN, commands);
    assert_int_equal(system(all), 0);
}

static dr_source *open_source(const char *path, const dr_source_options *o)
{
    dr_source *s;
    if (dr_source_open(&s, path, o))
        fail_msg("%s", dr_error());
    return s;
}

/* All parameters of the part under their names, added up. */
static double sum_of(const dr_source *s, const char *part)
{
    double sum = 0;
    dr_vae_model m = {0};
    assert_string_equal(part, "vae");
    if (dr_vae_load(&m, s))
        fail_msg("%s", dr_error());
    for (const dr_param *q = m.params.first; q; q = q->next)
        for (int64_t i = 0; i < dr_numel(&q->t); i++) {
            float v;
            dr_to_f32((const char *)q->t.data + (size_t)i * dr_dtype_size(q->t.dtype), q->t.dtype, &v, 1);
            sum += (double)v * (double)(i % 7 + 1);
        }
    dr_vae_unload(&m);
    return sum;
}

static void a_folder_answers_for_its_parts(void **state)
{
    (void)state;
    char where[PATH_MAX];
    json_t *j;
    dr_source *s = open_source(GOLDEN "nano", NULL);
    assert_string_equal(dr_source_path(s), GOLDEN "nano");
    assert_string_equal(dr_source_where(s, "unet", where, sizeof where), GOLDEN "nano/unet");
    assert_int_equal(dr_source_config(s, "vae", &j, where), DR_OK);
    assert_string_equal(where, GOLDEN "nano/vae/config.json");
    assert_true(json_integer_value(json_object_get(j, "latent_channels")) > 0);
    json_decref(j);
    assert_true(dr_source_has(s, "unet"));
    assert_false(dr_source_has(s, "unet_base"));
    dr_source_close(s);
}

static void another_vocabulary_takes_the_place_of_the_models(void **state)
{
    (void)state;
    dr_tokenizer *t;
    dr_clip_config text;
    dr_source *s = open_source(GOLDEN "nano", &(dr_source_options){.tokenizer = GOLDEN "clip-tokenizer"});
    assert_int_equal(dr_source_tokenizer(s, &t), DR_OK);
    int tokens = dr_tokenizer_vocab_size(t);
    dr_tokenizer_free(t);
    assert_int_equal(dr_text_config(&text, s), DR_OK);
    assert_int_equal(dr_source_copy(s, "tokenizer", at("out"), true), DR_OK);
    assert_int_equal(dr_tokenizer_load(&t, at("out/tokenizer")), DR_OK);
    assert_int_equal(dr_tokenizer_vocab_size(t), tokens);
    dr_tokenizer_free(t);

    text.vocab = tokens - 1;
    assert_int_equal(dr_tokenizer_open(&t, s, &text), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "its tokenizer has"));
    text.vocab = tokens;
    assert_int_equal(dr_tokenizer_open(&t, s, &text), DR_OK);
    dr_tokenizer_free(t);
    dr_source_close(s);
    shell("rm -rf out");
}

static void weights_under_a_pickles_name_are_copied_as_safetensors(void **state)
{
    (void)state;
    shell("cp -rL \"$golden/nano\" p && chmod -R u+w p && cd p/vae && "
          "mv diffusion_pytorch_model.safetensors diffusion_pytorch_model.bin");
    dr_source *a = open_source(GOLDEN "nano", NULL), *b = open_source(at("p"), NULL);
    double want = sum_of(a, "vae");
    assert_true(sum_of(b, "vae") == want);
    assert_int_equal(dr_source_copy(b, "vae", at("q"), true), DR_OK);
    assert_true(dr_exists(at("q/vae/diffusion_pytorch_model.safetensors")));
    assert_false(dr_exists(at("q/vae/diffusion_pytorch_model.bin")));
    dr_source *c = open_source(at("q"), &(dr_source_options){.unchecked = true});
    assert_true(sum_of(c, "vae") == want);
    dr_source_close(a);
    dr_source_close(b);
    dr_source_close(c);
    shell("rm -rf p q");
}

/* A folder as SD 1 has it, in small, and the same as a single file. */
static void make_models(void)
{
    static const char arch[] =
        "{\"dtype\": \"float16\", \"seed\": 3, \"pad_token\": \"<|endoftext|>\","
        "\"unet\": {\"sample_size\": 8, \"in_channels\": 9, \"out_channels\": 4, \"layers_per_block\": 1,"
        "  \"block_out_channels\": [32, 32], \"attention_head_dim\": 8, \"cross_attention_dim\": 64,"
        "  \"down_block_types\": [\"CrossAttnDownBlock2D\", \"DownBlock2D\"],"
        "  \"up_block_types\": [\"UpBlock2D\", \"CrossAttnUpBlock2D\"]},"
        "\"vae\": {\"block_out_channels\": [32, 32], \"sample_size\": 16,"
        "  \"down_block_types\": [\"DownEncoderBlock2D\", \"DownEncoderBlock2D\"],"
        "  \"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\"]},"
        "\"text_encoder\": {\"vocab_size\": 49408, \"hidden_size\": 64, \"intermediate_size\": 64,"
        "  \"num_hidden_layers\": 1, \"num_attention_heads\": 1, \"hidden_act\": \"quick_gelu\"},"
        "\"scheduler\": {\"class\": \"PNDMScheduler\", \"beta_start\": 0.00085, \"beta_end\": 0.012,"
        "  \"beta_schedule\": \"scaled_linear\", \"steps_offset\": 1}}";
    dr_init_options o = DR_INIT_DEFAULTS;
    const dr_convert_options plain = DR_CONVERT_DEFAULTS;
    o.arch = at("arch.json");
    assert_int_equal(dr_file_write(at("arch.json"), arch, strlen(arch)), DR_OK);
    if (dr_pipeline_init_folder(at("p"), &o) || dr_convert(at("p"), at("p.safetensors"), &plain))
        fail_msg("%s", dr_error());
}

static void a_single_file_answers_as_its_folder(void **state)
{
    (void)state;
    make_models();
    char path[PATH_MAX];
    dr_source *a = open_source(at("p"), NULL), *b = open_source(at("p.safetensors"), NULL);
    assert_true(sum_of(a, "vae") == sum_of(b, "vae"));
    assert_null(dr_source_family(a));
    assert_string_equal(dr_source_family(b), "SD 1.x inpainting");
    assert_true(dr_source_has(b, "unet") && dr_source_has(b, "text_encoder"));
    assert_false(dr_source_has(b, "unet_base"));
    assert_string_equal(dr_source_where(b, "unet", path, sizeof path), at("p.safetensors"));

    int32_t ids[2][DR_TOKENS];
    dr_schedule schedule[2];
    for (int i = 0; i < 2; i++) {
        dr_tokenizer *t;
        assert_int_equal(dr_source_tokenizer(i ? b : a, &t), DR_OK);
        assert_int_equal(dr_tokenizer_vocab_size(t), DR_CLIP_VOCAB);
        assert_int_equal(dr_tokenizer_encode(t, "Zwei rote M\xc3\xa4ntel, 100% wool", ids[i], NULL), DR_OK);
        dr_tokenizer_free(t);
        assert_int_equal(dr_source_schedule(i ? b : a, &schedule[i]), DR_OK);
    }
    assert_memory_equal(ids[0], ids[1], sizeof ids[0]);
    assert_string_equal(schedule[0].class_name, schedule[1].class_name);
    assert_true(schedule[0].beta_start == schedule[1].beta_start);
    dr_schedule_clear(&schedule[0]);
    dr_schedule_clear(&schedule[1]);
    dr_source_close(a);
    dr_source_close(b);
}

static void parts_of_a_single_file_are_copied_as_a_folders(void **state)
{
    (void)state;
    static const char *const parts[] = {"unet", "vae", "text_encoder", "tokenizer", "scheduler"};
    dr_source *s = open_source(at("p.safetensors"), NULL);
    for (int i = 0; i < 5; i++)
        if (dr_source_copy(s, parts[i], at("q"), true))
            fail_msg("%s", dr_error());
    assert_int_equal(dr_folder_write_index(at("q"), "PNDMScheduler"), DR_OK);
    dr_source *a = open_source(at("p"), NULL), *b = open_source(at("q"), NULL);
    assert_true(sum_of(a, "vae") == sum_of(b, "vae"));
    shell("cmp p/tokenizer/vocab.json q/tokenizer/vocab.json && cmp p/tokenizer/merges.txt q/tokenizer/merges.txt && "
          "cmp p/tokenizer/tokenizer_config.json q/tokenizer/tokenizer_config.json && "
          "test -e q/unet/diffusion_pytorch_model.safetensors && test -e q/text_encoder/model.safetensors");
    dr_source_close(a);
    dr_source_close(b);
    dr_source_close(s);
    shell("rm -rf q");
}

static void another_vae_is_taken_from_a_folder_a_pipeline_or_a_file(void **state)
{
    (void)state;
    shell("cp -r p r && rm -r r/vae && cp -rL \"$golden/nano/vae\" r/vae");
    const char *const others[] = {"r", "r/vae"};
    dr_source *want = open_source(at("r"), NULL);
    double sum = sum_of(want, "vae");
    for (int file = 0; file < 2; file++)
        for (int i = 0; i < 2; i++) {
            char vae[256];
            snprintf(vae, sizeof vae, "%s", at(others[i]));
            dr_source *s = open_source(at(file ? "p.safetensors" : "p"), &(dr_source_options){.vae = vae});
            assert_true(sum_of(s, "vae") == sum);
            dr_source_close(s);
        }
    dr_source_close(want);
    dr_source *s;
    assert_int_equal(dr_source_open(&s, at("p"), &(dr_source_options){.vae = "/nowhere/at/all"}), DR_ENOENT);
    assert_non_null(strstr(dr_error(), "no such folder or file"));
    assert_int_equal(dr_source_open(&s, at("p"), &(dr_source_options){.vae = folder}), DR_ENOENT);
    assert_non_null(strstr(dr_error(), "no config.json"));
    assert_int_equal(dr_source_open(&s, at("p"), &(dr_source_options){.ema = true}), DR_EINVAL);
    shell("rm -rf p p.safetensors r arch.json");
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_answers_for_its_parts),
        cmocka_unit_test(another_vocabulary_takes_the_place_of_the_models),
        cmocka_unit_test(weights_under_a_pickles_name_are_copied_as_safetensors),
        cmocka_unit_test(a_single_file_answers_as_its_folder),
        cmocka_unit_test(parts_of_a_single_file_are_copied_as_a_folders),
        cmocka_unit_test(another_vae_is_taken_from_a_folder_a_pipeline_or_a_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
