/* Models as GGUF: what drape writes comes back as it was, and the names that stable-diffusion.cpp gives are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/tensor_file.h"
#include "io/tensor_write.h"
#include "pipeline/convert.h"
#include "pipeline/single_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NANO DR_SOURCE_DIR "/tests/golden/nano"
#define NANO1 DR_SOURCE_DIR "/tests/golden/nano1"

static void convert(const char *in, const char *out, dr_dtype dtype)
{
    const dr_convert_options o = {.dtype = dtype, .replace = true};
    if (dr_convert(in, out, &o))
        fail_msg("%s", dr_error());
}

static void assert_same_part(const dr_single_file *a, const dr_single_file *b, const char *part)
{
    const dr_st_entry *x, *y;
    size_t n, m;
    json_t *c, *d;
    assert_int_equal(dr_single_part(a, part, &x, &n), DR_OK);
    assert_int_equal(dr_single_part(b, part, &y, &m), DR_OK);
    assert_int_equal(n, m);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(x[i].name, y[i].name) != 0 || x[i].dtype != y[i].dtype || x[i].size != y[i].size ||
            memcmp(x[i].data, y[i].data, x[i].size) != 0)
            fail_msg("'%s' and '%s' are not the same", x[i].name, y[i].name);
    }
    assert_int_equal(dr_single_config(a, part, &c), DR_OK);
    assert_int_equal(dr_single_config(b, part, &d), DR_OK);
    assert_true(json_equal(c, d));
    json_decref(c);
    json_decref(d);
}

static void assert_same_model(const char *a, const char *b)
{
    static const char *const parts[] = {"unet", "vae", "text_encoder"};
    dr_single_file *f, *g;
    if (dr_single_open(&f, a, NULL) || dr_single_open(&g, b, NULL))
        fail_msg("%s", dr_error());
    assert_string_equal(dr_single_family(f), dr_single_family(g));
    for (int i = 0; i < 3; i++)
        assert_same_part(f, g, parts[i]);
    dr_single_close(f);
    dr_single_close(g);
}

static void a_model_comes_back_out_of_gguf_as_it_was(void **state)
{
    (void)state;
    convert(NANO, "plain.safetensors", DR_DTYPES);
    convert(NANO, "plain.gguf", DR_DTYPES);
    assert_same_model("plain.safetensors", "plain.gguf");
    convert("plain.gguf", "back.safetensors", DR_DTYPES);
    assert_same_model("plain.safetensors", "back.safetensors");
    convert("plain.gguf", "again.gguf", DR_DTYPES);
    assert_same_model("plain.gguf", "again.gguf");
}

/* Matrices whose rows are whole blocks, but for what is made of the time step. */
static void eight_bits_are_for_matrices_alone(void **state)
{
    dr_tensor_file f;
    size_t blocks = 0;
    (void)state;
    convert(NANO, "eight.gguf", DR_Q8_0);
    assert_int_equal(dr_tensor_file_open(&f, "eight.gguf"), DR_OK);
    for (size_t i = 0; i < f.count; i++) {
        const dr_st_entry *e = &f.entry[i];
        bool whole =
            e->rank == 2 && e->dim[1] % 32 == 0 && !strstr(e->name, "embedding") && !strstr(e->name, "time_embed.");
        assert_int_equal(e->dtype, whole ? DR_Q8_0 : DR_F16);
        blocks += whole;
    }
    assert_true(blocks > 5);
    dr_tensor_file_close(&f);
    convert("eight.gguf", "same.gguf", DR_DTYPES); /* not rounded again */
    assert_same_model("eight.gguf", "same.gguf");
    convert("eight.gguf", "eight.safetensors", DR_DTYPES); /* which has no blocks */
    assert_int_equal(dr_tensor_file_open(&f, "eight.safetensors"), DR_OK);
    for (size_t i = 0; i < f.count; i++)
        assert_int_equal(dr_dtype_block(f.entry[i].dtype), 1);
    dr_tensor_file_close(&f);
}

static void eight_bits_are_for_gguf_alone(void **state)
{
    const dr_convert_options o = {.dtype = DR_Q8_0};
    (void)state;
    assert_int_equal(dr_convert(NANO, "no.safetensors", &o), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "GGUF alone"));
    assert_int_equal(dr_convert(NANO, "no", &o), DR_EINVAL);
    assert_int_equal(access("no", F_OK), -1);
}

static void a_value_too_large_for_a_scale_is_told(void **state)
{
    dr_tensor_file f;
    dr_tensor_writer w;
    const dr_convert_options o = {.dtype = DR_Q8_0};
    (void)state;
    convert(NANO, "plain.safetensors", DR_F32);
    assert_int_equal(dr_tensor_file_open(&f, "plain.safetensors"), DR_OK);
    assert_int_equal(dr_tensor_create(&w, "large.safetensors", f.entry, f.count, f.meta, f.meta_count), DR_OK);
    for (size_t i = 0; i < f.count; i++) {
        char *copy = malloc(f.entry[i].size + 1);
        memcpy(copy, f.entry[i].data, f.entry[i].size);
        if (strstr(f.entry[i].name, "input_blocks.1.1.transformer_blocks.0.ff.net.2.weight"))
            memcpy(copy + 40, &(float){1e9F}, 4);
        assert_int_equal(dr_tensor_put_part(&w, copy, f.entry[i].size), DR_OK);
        free(copy);
    }
    assert_int_equal(dr_tensor_commit(&w), DR_OK);
    dr_tensor_file_close(&f);
    assert_int_equal(dr_convert("large.safetensors", "large.gguf", &o), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "too large for Q8_0"));
    assert_int_equal(access("large.gguf", F_OK), -1);
}

/* --- the names of stable-diffusion.cpp ------------------------------------------------------------------------- */

/* OpenCLIP's names as transformers', q, k and v still in one; nothing of drape's. */
static void rename_to(const char *name, char out[300])
{
    static const char *const words[][2] = {{"attn.in_proj_", "self_attn.in_proj."},
                                           {"attn.out_proj.", "self_attn.out_proj."},
                                           {"ln_1.", "layer_norm1."},
                                           {"ln_2.", "layer_norm2."},
                                           {"mlp.c_fc.", "mlp.fc1."},
                                           {"mlp.c_proj.", "mlp.fc2."}};
    static const char *const whole[][2] = {{"ln_final.bias", "final_layer_norm.bias"},
                                           {"ln_final.weight", "final_layer_norm.weight"},
                                           {"positional_embedding", "embeddings.position_embedding.weight"},
                                           {"token_embedding.weight", "embeddings.token_embedding.weight"},
                                           {"text_projection", "text_projection"}};
    static const char from[] = "cond_stage_model.model.", to[] = "cond_stage_model.transformer.text_model.";
    int block = 0, n = 0;
    snprintf(out, 300, "%s", name);
    if (strncmp(name, from, sizeof from - 1) != 0)
        return;
    name += sizeof from - 1;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcmp(name, whole[i][0]) == 0)
            snprintf(out, 300, "%s%s", to, whole[i][1]);
    if (sscanf(name, "transformer.resblocks.%d.%n", &block, &n) != 1)
        return;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(name + n, words[i][0], strlen(words[i][0])) == 0)
            snprintf(out, 300, "%sencoder.layers.%d.%s%s", to, block, words[i][1], name + n + strlen(words[i][0]));
}

static void the_names_of_stable_diffusion_cpp_are_known(void **state)
{
    dr_tensor_file f;
    dr_tensor_writer w;
    (void)state;
    convert(NANO, "eight.gguf", DR_Q8_0);
    assert_int_equal(dr_tensor_file_open(&f, "eight.gguf"), DR_OK);
    dr_st_entry *e = calloc(f.count, sizeof *e);
    char(*name)[300] = calloc(f.count, sizeof *name);
    assert_true(e && name);
    for (size_t i = 0; i < f.count; i++) {
        e[i] = f.entry[i];
        rename_to(e[i].name, name[i]);
        e[i].name = name[i];
    }
    const dr_st_meta kept[] = {{DR_SINGLE_CONFIG, NULL}};
    dr_st_meta meta = kept[0];
    for (size_t i = 0; i < f.meta_count; i++) /* heads of such small models no file can say */
        if (strcmp(f.meta[i].key, DR_SINGLE_CONFIG) == 0)
            meta.value = f.meta[i].value;
    assert_int_equal(dr_tensor_create(&w, "theirs.gguf", e, f.count, &meta, 1), DR_OK);
    for (size_t i = 0; i < f.count; i++)
        assert_int_equal(dr_tensor_put_part(&w, e[i].data, e[i].size), DR_OK);
    assert_int_equal(dr_tensor_commit(&w), DR_OK);
    assert_same_model("eight.gguf", "theirs.gguf");
    free(e);
    free(name);
    dr_tensor_file_close(&f);
}

static void sd1_has_the_same_names_everywhere(void **state)
{
    dr_single_file *f;
    (void)state;
    convert(NANO1, "one.gguf", DR_Q8_0);
    if (dr_single_open(&f, "one.gguf", NULL))
        fail_msg("%s", dr_error());
    assert_string_equal(dr_single_family(f), "SD 1.x inpainting");
    dr_single_close(f);
}

int main(void)
{
    char folder[] = "/tmp/drape-test-XXXXXX", command[64];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_comes_back_out_of_gguf_as_it_was),
        cmocka_unit_test(eight_bits_are_for_matrices_alone),
        cmocka_unit_test(eight_bits_are_for_gguf_alone),
        cmocka_unit_test(a_value_too_large_for_a_scale_is_told),
        cmocka_unit_test(the_names_of_stable_diffusion_cpp_are_known),
        cmocka_unit_test(sd1_has_the_same_names_everywhere),
    };
    if (!mkdtemp(folder) || chdir(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) || failed;
}
