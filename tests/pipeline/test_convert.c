#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/ldm_files.h"

#include <math.h>
#include <unistd.h>

static const char *const parts[] = {"unet/diffusion_pytorch_model.safetensors",
                                    "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"};
static const char *const configs[] = {"unet/config.json", "vae/config.json", "text_encoder/config.json",
                                      "scheduler/scheduler_config.json", "model_index.json"};

static void check_refused(const char *in, const char *out, const dr_convert_options *o, const char *why)
{
    const dr_convert_options plain = DR_CONVERT_DEFAULTS;
    assert_int_not_equal(dr_convert(at(in), at(out), o ? o : &plain), DR_OK);
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
}

/* Into one file and back: the same bytes. */
static void there_and_back_is_the_same(void **state)
{
    (void)state;
    static const char *const kinds[] = {"sd1", "sd2"};
    for (int i = 0; i < 2; i++) {
        char file[64], back[64], a[128], b[128];
        snprintf(file, sizeof file, "%s.safetensors", kinds[i]);
        snprintf(back, sizeof back, "%s-back", kinds[i]);
        converted(kinds[i], file, NULL);
        converted(file, back, NULL);
        for (int k = 0; k < 3; k++) {
            snprintf(a, sizeof a, "%s/%s", kinds[i], parts[k]);
            snprintf(b, sizeof b, "%s/%s", back, parts[k]);
            if (!same_files(a, b))
                fail_msg("%s is not %s", b, a);
        }
        for (int k = 0; k < 5; k++) {
            json_t *x, *y;
            snprintf(a, sizeof a, "%s/%s", kinds[i], configs[k]);
            snprintf(b, sizeof b, "%s/%s", back, configs[k]);
            assert_int_equal(dr_json_load(at(a), &x), DR_OK);
            assert_int_equal(dr_json_load(at(b), &y), DR_OK);
            if (!json_equal(x, y))
                fail_msg("%s is not %s", b, a);
            json_decref(x);
            json_decref(y);
        }
        snprintf(a, sizeof a, "%s/tokenizer/vocab.json", kinds[i]);
        snprintf(b, sizeof b, "%s/tokenizer/vocab.json", back);
        assert_true(same_files(a, b));
    }
}

static const dr_st_entry *find(dr_tensor_file *f, const char *file, const char *name)
{
    assert_int_equal(dr_tensor_file_open(f, at(file)), DR_OK);
    const dr_st_entry *e = dr_tensor_file_find(f, name);
    assert_non_null(e);
    return e;
}

/* What other programs look for: stacked projections, a last block, LDM's axes, the metadata. */
static void a_single_file_is_as_other_programs_expect_it(void **state)
{
    (void)state;
    static const char *const layers[] = {"q_proj", "k_proj", "v_proj"};
    dr_tensor_file f, folder;
    dr_st_entry e = *find(&f, "sd2.safetensors", "cond_stage_model.model.transformer.resblocks.1.attn.in_proj_weight");
    assert_int_equal(e.dim[0], 3 * 64);
    assert_int_equal(dr_tensor_file_open(&folder, at("sd2/text_encoder/model.safetensors")), DR_OK);
    for (int i = 0; i < 3; i++) {
        char name[128];
        snprintf(name, sizeof name, "text_model.encoder.layers.1.self_attn.%s.weight", layers[i]);
        const dr_st_entry *third = dr_tensor_file_find(&folder, name);
        assert_memory_equal((const char *)e.data + (size_t)i * third->size, third->data, third->size);
    }
    dr_tensor_file_close(&folder);
    const dr_st_entry *copy =
        dr_tensor_file_find(&f, "cond_stage_model.model.transformer.resblocks.2.attn.in_proj_weight");
    assert_memory_equal(copy->data, e.data, e.size);
    assert_null(dr_tensor_file_find(&f, "cond_stage_model.model.transformer.resblocks.3.ln_1.weight"));
    assert_non_null(dr_tensor_file_find(&f, "cond_stage_model.model.text_projection"));
    assert_non_null(dr_tensor_file_find(&f, "cond_stage_model.model.logit_scale"));
    assert_int_equal(dr_tensor_file_find(&f, "first_stage_model.decoder.mid.attn_1.q.weight")->rank, 4);
    bool architecture = false, prediction = false;
    for (size_t i = 0; i < f.meta_count; i++) {
        architecture |= strcmp(f.meta[i].key, "modelspec.architecture") == 0 &&
                        strcmp(f.meta[i].value, "stable-diffusion-v2-512") == 0;
        prediction |=
            strcmp(f.meta[i].key, "modelspec.prediction_type") == 0 && strcmp(f.meta[i].value, "epsilon") == 0;
    }
    assert_true(architecture && prediction);
    dr_tensor_file_close(&f);
}

static void types_are_converted(void **state)
{
    (void)state;
    json_t *j;
    dr_tensor_file f, g;
    dr_convert_options o = DR_CONVERT_DEFAULTS;
    o.dtype = DR_BF16;
    converted("sd1", "sd1-bf16", &o);
    const dr_st_entry *a = find(&f, "sd1/unet/diffusion_pytorch_model.safetensors", "conv_in.weight");
    const dr_st_entry *b = find(&g, "sd1-bf16/unet/diffusion_pytorch_model.safetensors", "conv_in.weight");
    assert_int_equal(b->dtype, DR_BF16);
    for (size_t i = 0; i < a->size / 2; i++)
        assert_int_equal(dr_f32_to_bf16(dr_f16_to_f32(((const uint16_t *)a->data)[i])), ((const uint16_t *)b->data)[i]);
    dr_tensor_file_close(&f);
    dr_tensor_file_close(&g);
    assert_int_equal(dr_json_load(at("sd1-bf16/text_encoder/config.json"), &j), DR_OK);
    assert_string_equal(json_string_value(json_object_get(j, "torch_dtype")), "bfloat16");
    json_decref(j);
}

static void a_value_that_does_not_fit_is_told_and_nothing_left(void **state)
{
    (void)state;
    static float huge[64];
    huge[5] = 1e6f;
    dr_convert_options o = DR_CONVERT_DEFAULTS;
    ldm_edit *e = edit_open("sd2.safetensors");
    edit_find(e, "model.diffusion_model.out.0.weight")->data = huge;
    edit_save(e, "huge.safetensors");
    o.dtype = DR_F16;
    check_refused("huge.safetensors", "huge-f16.safetensors", &o, "'model.diffusion_model.out.0.weight' has the value");
    check_refused("huge.safetensors", "huge-f16", &o, "too large for F16; take bf16");
    assert_false(dr_exists(at("huge-f16.safetensors")));
    assert_false(dr_exists(at("huge-f16")));
    o.dtype = DR_BF16;
    converted("huge.safetensors", "huge-bf16.safetensors", &o);
}

static bool stop(void *user, int64_t done, int64_t total)
{
    int *calls = user;
    assert_true(done > 0 && done <= total);
    return ++*calls == 20;
}

static void what_is_stopped_leaves_nothing(void **state)
{
    (void)state;
    int calls = 0;
    dr_convert_options o = DR_CONVERT_DEFAULTS;
    o.progress = stop;
    o.user = &calls;
    assert_int_equal(dr_convert(at("sd1"), at("stopped.safetensors"), &o), DR_ECANCELLED);
    assert_false(dr_exists(at("stopped.safetensors")));
    calls = 0;
    assert_int_equal(dr_convert(at("sd1"), at("stopped"), &o), DR_ECANCELLED);
    assert_false(dr_exists(at("stopped")));
}

static void nothing_is_overwritten(void **state)
{
    (void)state;
    dr_convert_options o = DR_CONVERT_DEFAULTS;
    check_refused("sd1", "sd2.safetensors", NULL, "it exists");
    check_refused("sd1", "sd2", NULL, "not an empty folder");
    o.ema = true;
    check_refused("sd1", "new", &o, "moving average");
    check_refused("nowhere", "new", NULL, "no such folder");
    o = (dr_convert_options)DR_CONVERT_DEFAULTS;
    o.tokenizer = at("sd1/tokenizer");
    check_refused("sd1", "new.safetensors", &o, "tokenizer");
}

static void another_vae_takes_the_place_of_the_models(void **state)
{
    (void)state;
    dr_convert_options o = DR_CONVERT_DEFAULTS;
    static const char *const froms[] = {"sd1-tuned", "sd1-tuned/vae",
                                        "sd1-tuned/vae/diffusion_pytorch_model.safetensors", "sd1-tuned.safetensors"};
    converted("sd1-tuned", "sd1-tuned.safetensors", NULL);
    for (int i = 0; i < 4; i++) {
        char out[64], vae[128], unet[128];
        snprintf(out, sizeof out, "with-vae-%d", i);
        o.vae = at(froms[i]);
        converted(i % 2 ? "sd1" : "sd1.safetensors", out, &o);
        snprintf(vae, sizeof vae, "%s/%s", out, parts[1]);
        snprintf(unet, sizeof unet, "%s/%s", out, parts[0]);
        assert_true(same_files(vae, "sd1-tuned/vae/diffusion_pytorch_model.safetensors"));
        assert_true(same_files(unet, "sd1/unet/diffusion_pytorch_model.safetensors"));
    }
}

/* --- adapters -------------------------------------------------------------------------------------------- */

static double distance(const char *a, const char *b, double *size)
{
    dr_tensor_file f, g;
    double squares = 0, all = 0;
    assert_int_equal(dr_tensor_file_open(&f, at(a)), DR_OK);
    assert_int_equal(dr_tensor_file_open(&g, at(b)), DR_OK);
    assert_int_equal(f.count, g.count);
    for (size_t i = 0; i < f.count; i++)
        for (size_t k = 0; k < f.entry[i].size / 4; k++) {
            double x = (double)((const float *)f.entry[i].data)[k], y = (double)((const float *)g.entry[i].data)[k];
            squares += (x - y) * (x - y);
            all += x * x;
        }
    dr_tensor_file_close(&f);
    dr_tensor_file_close(&g);
    *size = sqrt(all);
    return sqrt(squares);
}

/* What was merged into a model is what comes out of it again. */
static void an_adapter_comes_out_as_it_went_in(void **state)
{
    (void)state;
    dr_convert_options o = DR_CONVERT_DEFAULTS;
    dr_extracted found;
    double size;
    /* the whole difference of two models with random weights, of a rank that cannot hold it all */
    o.dtype = DR_F32;
    converted("sd2", "base", &o);
    if (dr_extract_lora(at("sd2-tuned"), at("base"), at("four.safetensors"), 4, &o, &found))
        fail_msg("%s", dr_error());
    assert_true(found.layers > 40);
    assert_true(found.left_out > 0);
    assert_true(found.kept > 0.01 && found.kept < 0.9);
    check_refused("base", "base-none",
                  &(dr_convert_options){
                      .dtype = DR_DTYPES, .lora_count = 1, .loras = &(dr_convert_lora){at("nowhere.safetensors"), 1}},
                  "nowhere.safetensors");

    o.loras = &(dr_convert_lora){at("four.safetensors"), 0.5};
    o.lora_count = 1;
    converted("base", "merged", &o);
    assert_true(distance("merged/unet/diffusion_pytorch_model.safetensors",
                         "base/unet/diffusion_pytorch_model.safetensors", &size) > 0.01 * size);

    /* now the difference has rank 4 */
    o.lora_count = 0;
    assert_int_equal(dr_extract_lora(at("merged"), at("base"), at("again.safetensors"), 4, &o, &found), DR_OK);
    assert_int_equal(found.left_out, 0);
    assert_true(found.kept > 0.9999);
    o.loras = &(dr_convert_lora){at("again.safetensors"), 1};
    o.lora_count = 1;
    converted("base", "merged-again.safetensors", &o);
    o.lora_count = 0;
    converted("merged-again.safetensors", "merged-again", &o);
    for (int i = 0; i < 3; i++) {
        char a[128], b[128];
        snprintf(a, sizeof a, "merged/%s", parts[i]);
        snprintf(b, sizeof b, "merged-again/%s", parts[i]);
        assert_true(distance(a, b, &size) < 1e-4 * size);
    }
}

/* Adapters name layers in their makers' ways. */
static void adapters_of_all_makers_are_merged(void **state)
{
    (void)state;
    static const char *const names[] = {"unet.mid_block.attentions.0.proj_in",
                                        "lora_unet_mid_block_attentions_0_proj_in", "lora_unet_middle_block_1_proj_in"};
    static float ones[128 * 128];
    dr_convert_options o = DR_CONVERT_DEFAULTS;
    for (size_t i = 0; i < 128 * 128; i++)
        ones[i] = 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char key[2][128], out[32], file[128];
        dr_tensor_file f, g;
        dr_st_writer w;
        const char *low = i ? "lora_down" : "lora_A", *high = i ? "lora_up" : "lora_B";
        snprintf(key[0], sizeof key[0], "%s.%s.weight", names[i], low);
        snprintf(key[1], sizeof key[1], "%s.%s.weight", names[i], high);
        const dr_st_entry e[] = {{.name = key[0], .rank = 2, .dim = {1, 128}},
                                 {.name = key[1], .rank = 2, .dim = {128, 1}}};
        assert_int_equal(dr_st_create(&w, at("maker.safetensors"), e, 2, NULL, 0), DR_OK);
        assert_int_equal(dr_st_put(&w, ones, 512), DR_OK);
        assert_int_equal(dr_st_put(&w, ones, 512), DR_OK);
        assert_int_equal(dr_st_commit(&w), DR_OK);
        o.loras = &(dr_convert_lora){at("maker.safetensors"), 0.25};
        o.lora_count = 1;
        snprintf(out, sizeof out, "maker-%d", (int)i);
        converted("sd2", out, &o);
        snprintf(file, sizeof file, "%s/%s", out, parts[0]);
        const dr_st_entry *before =
            find(&f, "sd2/unet/diffusion_pytorch_model.safetensors", "mid_block.attentions.0.proj_in.weight");
        const dr_st_entry *after = find(&g, file, "mid_block.attentions.0.proj_in.weight");
        for (size_t k = 0; k < 128 * 128; k++)
            assert_true(fabsf(((const float *)after->data)[k] - ((const float *)before->data)[k] - 0.25f) < 1e-6f);
        after = dr_tensor_file_find(&g, "mid_block.attentions.0.proj_in.bias");
        before = dr_tensor_file_find(&f, "mid_block.attentions.0.proj_in.bias");
        assert_memory_equal(after->data, before->data, before->size);
        dr_tensor_file_close(&f);
        dr_tensor_file_close(&g);
    }
}

static void what_cannot_be_extracted_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *in, *base, *why;
        int rank;
    } cases[] = {{"sd2", "sd2", "do not differ", 4},
                 {"sd2", "sd2-back", "do not differ", 4},
                 {"sd1", "sd2", "different shape", 4},
                 {"sd1", "sd1", "1 to 1024", 0},
                 {"sd1", "nowhere", "no such folder", 4}};
    dr_extracted found;
    dr_convert_options o = DR_CONVERT_DEFAULTS;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_not_equal(
            dr_extract_lora(at(cases[i].in), at(cases[i].base), at("none.safetensors"), cases[i].rank, &o, &found),
            DR_OK);
        if (!strstr(dr_error(), cases[i].why))
            fail_msg("'%s' does not say '%s'", dr_error(), cases[i].why);
        assert_false(dr_exists(at("none.safetensors")));
    }
}

/* A file in 16 bits of a model in 32 differs by rounding alone: that is nothing that was learnt. */
static void rounding_is_no_difference(void **state)
{
    (void)state;
    dr_extracted found;
    dr_convert_options o = DR_CONVERT_DEFAULTS;
    o.dtype = DR_F16;
    converted("sd2", "sd2-f16", &o);
    assert_int_equal(dr_extract_lora(at("sd2-f16"), at("sd2"), at("none.safetensors"), 4, &o, &found), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "do not differ"));
}

static int setup(void **state)
{
    (void)state;
    setenv("SOURCE_DATE_EPOCH", "0", 1);
    assert_non_null(mkdtemp(ldm_folder));
    make_folder("sd1", false, "float16", 9, 1);
    make_folder("sd1-tuned", false, "float16", 9, 2);
    make_folder("sd2", true, "float32", 9, 3);
    make_folder("sd2-tuned", true, "float32", 9, 4);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return dr_remove_tree(ldm_folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back_is_the_same),
        cmocka_unit_test(a_single_file_is_as_other_programs_expect_it),
        cmocka_unit_test(types_are_converted),
        cmocka_unit_test(a_value_that_does_not_fit_is_told_and_nothing_left),
        cmocka_unit_test(what_is_stopped_leaves_nothing),
        cmocka_unit_test(nothing_is_overwritten),
        cmocka_unit_test(another_vae_takes_the_place_of_the_models),
        cmocka_unit_test(an_adapter_comes_out_as_it_went_in),
        cmocka_unit_test(adapters_of_all_makers_are_merged),
        cmocka_unit_test(what_cannot_be_extracted_is_told),
        cmocka_unit_test(rounding_is_no_difference),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
