#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/lora.h"

#include "base/file.h"
#include "base/path.h"
#include "pipeline/folder.h"
#include "pipeline/learned_words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/lora/"

static char folder[] = "/tmp/drape-test-XXXXXX";

static const char *at(const char *name)
{
    static char path[256];
    dr_path(path, sizeof path, folder, name);
    return path;
}

typedef struct model {
    dr_safetensors base;
    dr_params unet, text;
} model;

/* Tables over base.safetensors: "unet/NAME" and "text/NAME", mapped as a loader would leave them. */
static void model_open(model *m)
{
    assert_int_equal(dr_st_open(&m->base, GOLDEN "base.safetensors"), DR_OK);
    assert_int_equal(dr_params_init(&m->unet), DR_OK);
    assert_int_equal(dr_params_init(&m->text), DR_OK);
    for (size_t i = 0; i < m->base.count; i++) {
        const dr_st_entry *e = &m->base.entry[i];
        dr_params *p = strncmp(e->name, "text/", 5) == 0 ? &m->text : &m->unet;
        const int64_t *d = e->dim;
        dr_tensor *t = dr_param_add(p, "", e->name + 5, DR_INIT_ZEROS, 0, e->rank, d[0], d[1], e->rank > 2 ? d[2] : 1,
                                    e->rank > 3 ? d[3] : 1);
        t->data = (void *)(uintptr_t)e->data;
        t->mapped = true;
    }
    assert_true(m->unet.count == 9 && m->text.count == 3);
}

static void model_close(model *m)
{
    dr_params_clear(&m->unet);
    dr_params_clear(&m->text);
    dr_st_close(&m->base);
}

/* The largest difference of any layer from a file of merged ones. */
static double difference(const model *m, const char *want)
{
    dr_safetensors f;
    double worst = 0;
    assert_int_equal(dr_st_open(&f, want), DR_OK);
    for (size_t i = 0; i < f.count; i++) {
        const dr_st_entry *e = &f.entry[i];
        const dr_param *q = dr_param_find(strncmp(e->name, "text/", 5) == 0 ? &m->text : &m->unet, e->name + 5);
        assert_non_null(q);
        assert_int_equal(dr_nbytes(&q->t), e->size);
        for (size_t k = 0; k < e->size / 4; k++)
            worst = fmax(worst, fabs((double)((const float *)e->data)[k] - (double)((const float *)q->t.data)[k]));
    }
    dr_st_close(&f);
    return worst;
}

/* tools/golden/make_lora.py: diffusers' load_lora_weights and fuse_lora(0.7), or peft's merge */
static void merges_what_diffusers_merges(void **state)
{
    (void)state;
    const char *files[][2] = {
        {GOLDEN "diffusers.safetensors", GOLDEN "diffusers-want.safetensors"},
        {GOLDEN "kohya.safetensors", GOLDEN "kohya-want.safetensors"},
        {GOLDEN "old-diffusers.safetensors", GOLDEN "old-diffusers-want.safetensors"},
        {GOLDEN "peft/adapter_model.safetensors", GOLDEN "peft/want.safetensors"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        model m;
        dr_lora l;
        model_open(&m);
        assert_true(difference(&m, files[i][1]) > 0.05); /* the adapter is not a small thing */
        if (dr_lora_open(&l, files[i][0]) || dr_lora_apply(&l, &m.unet, &m.text, 0.7))
            fail_msg("%s", dr_error());
        double d = difference(&m, files[i][1]);
        if (d > 1e-6)
            fail_msg("%s differs by %g", files[i][0], d);
        dr_lora_close(&l);
        model_close(&m);
    }
}

static void adapters_add_up_and_models_apply_apart(void **state)
{
    (void)state;
    model m;
    dr_lora l;
    model_open(&m);
    assert_int_equal(dr_lora_open(&l, GOLDEN "kohya.safetensors"), DR_OK);
    assert_int_equal(l.unet_count, 9);
    assert_int_equal(l.text_count, 3);
    assert_int_equal(dr_lora_apply(&l, NULL, &m.text, 0.7), DR_OK);
    assert_false(m.text.first->t.mapped);
    assert_true(m.unet.first->t.mapped); /* untouched */
    assert_int_equal(dr_lora_apply(&l, &m.unet, NULL, 0.4), DR_OK);
    assert_int_equal(dr_lora_apply(&l, &m.unet, NULL, 0.3), DR_OK);
    assert_true(difference(&m, GOLDEN "kohya-want.safetensors") < 1e-6);
    dr_lora_close(&l);
    model_close(&m);
}

/* An adapter of ones for one 2x3 layer of rank 2, or what `e` says. */
static void write_lora(const dr_st_entry *e, size_t n, const dr_st_meta *meta)
{
    dr_st_writer w;
    float ones[64];
    for (int i = 0; i < 64; i++)
        ones[i] = 1;
    assert_int_equal(dr_st_create(&w, at("l.safetensors"), e, n, meta, meta ? 1 : 0), DR_OK);
    for (size_t i = 0; i < n; i++) {
        size_t values = 1;
        for (int k = 0; k < e[i].rank; k++)
            values *= (size_t)e[i].dim[k];
        assert_int_equal(dr_st_put(&w, ones, values * dr_dtype_size(e[i].dtype)), DR_OK);
    }
    assert_int_equal(dr_st_commit(&w), DR_OK);
}

#define DOWN                                                                                                           \
    {                                                                                                                  \
        .name = "unet.a.b.lora_A.weight", .rank = 2, .dim = { 2, 3 }                                                   \
    }
#define UP                                                                                                             \
    {                                                                                                                  \
        .name = "unet.a.b.lora_B.weight", .rank = 2, .dim = { 2, 2 }                                                   \
    }

/* What one value of a zero 2x3 layer becomes: 2 (the rank, of ones) times alpha / rank times the scale. */
static double merged_value(const dr_st_entry *e, size_t n, const dr_st_meta *meta)
{
    dr_params p;
    dr_lora l;
    write_lora(e, n, meta);
    assert_int_equal(dr_params_init(&p), DR_OK);
    dr_tensor *t = dr_param_add(&p, "a.b", "weight", DR_INIT_ZEROS, 0, 2, 2, 3, 1, 1);
    assert_int_equal(dr_param_own(p.first, DR_F16), DR_OK);
    if (dr_lora_open(&l, at("l.safetensors")) || dr_lora_apply(&l, &p, NULL, 0.5))
        fail_msg("%s", dr_error());
    assert_int_equal(t->dtype, DR_F32);
    double v = ((float *)t->data)[0];
    for (int i = 1; i < 6; i++)
        assert_true(((float *)t->data)[i] == (float)v);
    dr_lora_close(&l);
    dr_params_clear(&p);
    unlink(at("l.safetensors"));
    return v;
}

static void alpha_has_three_places(void **state)
{
    (void)state;
    const dr_st_entry e[] = {DOWN, UP, {.name = "unet.a.b.alpha", .rank = 0}};
    const dr_st_meta meta = {"lora_adapter_metadata", "{\"unet.lora_alpha\": 8, \"text_encoder.lora_alpha\": 3}"};
    const dr_st_meta stable = {"lora_adapter_metadata", "{\"unet.lora_alpha\": 8, \"unet.use_rslora\": true}"};
    const dr_st_meta by_layer = {"lora_adapter_metadata",
                                 "{\"unet.lora_alpha\": 8, \"unet.alpha_pattern\": {\".b\": 5, \"b\": 6}}"};
    assert_true(merged_value(e, 2, NULL) == 1);  /* none: the rank */
    assert_true(merged_value(e, 2, &meta) == 4); /* 2 * 8/2 * 0.5 */
    assert_true(merged_value(e, 2, &by_layer) == 3);
    assert_true(merged_value(e, 3, &meta) == 0.5); /* the tensor wins: 2 * 1/2 * 0.5 */
    assert_true(fabs(merged_value(e, 2, &stable) - 8 / sqrt(2)) < 1e-6);
}

static void refused(const dr_st_entry *e, size_t n, const dr_st_meta *meta, const char *why)
{
    dr_params p;
    dr_lora l;
    write_lora(e, n, meta);
    assert_int_equal(dr_params_init(&p), DR_OK);
    dr_param_add(&p, "a.b", "weight", DR_INIT_ZEROS, 0, 2, 2, 3, 1, 1);
    dr_param_add(&p, "a.b", "bias", DR_INIT_ZEROS, 0, 1, 2, 1, 1, 1);
    assert_int_equal(dr_param_own(p.first, DR_F32), DR_OK);
    dr_status st = dr_lora_open(&l, at("l.safetensors"));
    if (!st) {
        st = dr_lora_apply(&l, &p, NULL, 1);
        dr_lora_close(&l);
    }
    assert_int_not_equal(st, DR_OK);
    if (!strstr(dr_error(), why) || !strstr(dr_error(), "l.safetensors"))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
    for (int i = 0; i < 6; i++)
        assert_true(((float *)p.first->t.data)[i] == 0); /* nothing half done */
    dr_params_clear(&p);
    unlink(at("l.safetensors"));
}

static void faults_are_named(void **state)
{
    (void)state;
    const dr_st_entry good[] = {DOWN, UP};
    dr_st_entry e[4] = {DOWN, UP};

    refused(e, 1, NULL, "without its counterpart");
    e[2] = (dr_st_entry){.name = "lora_unet_a_b.oft_blocks", .rank = 1, .dim = {2}};
    refused(e, 3, NULL, "it is an OFT ('lora_unet_a_b.oft_blocks')");
    e[2].name = "unet.a.b.something";
    refused(e, 3, NULL,
            "1 of its 3 tensors are not of a LoRA for Stable Diffusion 1 or 2, the first is 'unet.a.b.something'");
    e[2] = (dr_st_entry){.name = "a.b.lora.up.weight", .rank = 2, .dim = {2, 2}};
    refused(e, 3, NULL, "are of the same layer");
    e[2] = (dr_st_entry){.name = "unet.c.lora_A.weight", .rank = 2, .dim = {2, 3}};
    e[3] = (dr_st_entry){.name = "unet.c.lora_B.weight", .rank = 2, .dim = {2, 2}};
    refused(e, 4, NULL, "the UNet has no place for 1 of its layers, the first is 'unet.c.lora_A.weight'");

    e[0].dim[1] = 4;
    refused(e, 2, NULL, "takes 4 values and gives 2, but 'a.b.weight' has shape [2,3]");
    e[0].dim[0] = 3;
    refused(e, 2, NULL, "do not share a rank");
    e[0] = (dr_st_entry){.name = "unet.a.b.lora_A.weight", .rank = 4, .dim = {2, 3, 3, 3}};
    refused(e, 2, NULL, "has shape [2,3]"); /* a 3x3 kernel for a matrix */
    e[0] = good[0];
    e[0].dtype = DR_U8;
    refused(e, 2, NULL, "is U8");

    const dr_st_meta dora = {"lora_adapter_metadata", "{\"unet.use_dora\": true}"};
    const dr_st_meta broken = {"lora_adapter_metadata", "{"};
    refused(good, 2, &dora, "it is a DoRA by its settings (use_dora), but 'unet.a.b' has no lora_magnitude_vector");
    const dr_st_meta no_dora = {"lora_adapter_metadata", "{\"unet.use_dora\": false}"};
    e[2] = (dr_st_entry){.name = "unet.a.b.lora_magnitude_vector", .rank = 1, .dim = {2}};
    e[0].dtype = DR_F32;
    refused(e, 3, &no_dora, "is no DoRA by its settings");
    refused(good, 2, &broken, "not valid JSON");
    dr_lora l;
    assert_int_equal(dr_lora_open(&l, at("none.safetensors")), DR_ENOENT);
    dr_lora_close(&l);
}

/* --- settings --------------------------------------------------------------------------------------- */

#define LAYER "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"

/* The scale of one module of rank 2, DR_OK or a failure. */
static dr_status scale_of(const char *name, const char *settings, double *scale)
{
    char down[256], up[256];
    dr_lora l;
    snprintf(down, sizeof down, "%s.lora_A.weight", name);
    snprintf(up, sizeof up, "%s.lora_B.weight", name);
    const dr_st_entry e[] = {{.name = down, .rank = 2, .dim = {2, 3}}, {.name = up, .rank = 2, .dim = {2, 2}}};
    const dr_st_meta meta = {"lora_adapter_metadata", settings};
    write_lora(e, 2, &meta);
    dr_status st = dr_lora_open(&l, at("l.safetensors"));
    *scale = st ? 0 : l.module[0].scale;
    dr_lora_close(&l);
    unlink(at("l.safetensors"));
    return st;
}

/* `pattern` as C and JSON both have it: backslashes doubled twice. */
static double scale_by_pattern(const char *name, const char *part, const char *pattern)
{
    char settings[512];
    double scale;
    snprintf(settings, sizeof settings, "{\"%s.lora_alpha\": 2, \"%s.alpha_pattern\": {\"%s\": 6}}", part, part,
             pattern);
    if (scale_of(name, settings, &scale))
        fail_msg("'%s': %s", pattern, dr_error());
    return scale;
}

/* What peft's get_pattern_key says of each (0.21). */
static void patterns_fit_where_peft_fits_them(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        bool fits;
    } cases[] = {
        {"to_q", true},
        {"^to_q", false},
        {"attn1.to_q", true},
        {"ttn1.to_q", false},
        {"^" LAYER, true},
        {"^down_blocks.0", false},
        {"^down_blocks.0.*", true},
        {".*attn1.*", true},
        {".*\\\\.attn1\\\\.to_q", true},
        {"down_blocks\\\\.\\\\d\\\\.attentions\\\\.0\\\\..*\\\\.to_(q|k)", true},
        {"to_[kv]", false},
        {"to_[^k]$", true},
        {"(?:attn1|attn2).to_q", true},
        {"to_k|attn1.to_q", true},
        {"mid_block|^down.*to_q", true},
        {"blocks.\\\\d.attn1.to_q", false},
        {"(?<=attn1\\\\.)to_q", true},
        {"(?!mid).*to_q", true},
        {"0{1}.attn1.to_q", true},
        {"TO_Q", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double scale = scale_by_pattern("unet." LAYER, "unet", cases[i].pattern);
        if (scale != (cases[i].fits ? 3 : 1))
            fail_msg("'%s' gives the scale %g", cases[i].pattern, scale);
    }
    /* the text encoder's layers lie below "text_model." or not, as the version of transformers has it */
    const char *text = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj";
    assert_true(scale_by_pattern(text, "text_encoder", "^text_model.encoder.layers.0.self_attn.q_proj") == 3);
    assert_true(scale_by_pattern(text, "text_encoder", "^encoder.layers.0.self_attn.q_proj") == 3);
    assert_true(scale_by_pattern(text, "unet", "^encoder.layers.0.self_attn.q_proj") == 1); /* not its settings */
}

static void the_first_pattern_that_fits_counts(void **state)
{
    (void)state;
    double scale;
    assert_int_equal(scale_of("unet." LAYER,
                              "{\"unet.r\": 4, \"unet.lora_alpha\": 2, \"unet.rank_pattern\": {\"attn1.*\": 2},"
                              " \"unet.alpha_pattern\": {\"to_k\": 4, \"to_q\": 6, \"attn1.to_q\": 8}}",
                              &scale),
                     DR_OK);
    assert_true(scale == 3);
}

static void settings_that_mean_another_sum_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"\"alpha_pattern\": {\"to_(q\": 4}", "the pattern 'to_(q' in its alpha_pattern cannot be read"},
        {"\"alpha_pattern\": {\"(?i)TO_Q\": 4}", "'(?i)TO_Q'"}, /* Python has other flags */
        {"\"alpha_pattern\": {\"to_q\\\\Z\": 4}", "cannot be read"},
        {"\"alpha_pattern\": {\"(?P<x>to_q)\": 4}", "cannot be read"},
        {"\"rank_pattern\": {\"(([a-z_.0-9]+)+)+[XZ]\": 4}", "cannot be read"}, /* takes for ever */
        {"\"alpha_pattern\": {\"to_q\": \"4\"}", "its value is no number"},
        {"\"alpha_pattern\": [4]", "must be an object"},
        {"\"r\": 4", "has rank 2, but its settings say 4"},
        {"\"rank_pattern\": {\"to_q\": 4}", "has rank 2, but its settings say 4"},
        {"\"lora_alpha\": \"8\"", "'lora_alpha' must be a number"},
        {"\"use_dora\": true", "it is a DoRA by its settings (use_dora)"},
        {"\"lora_bias\": true", "'lora_bias' is true"},
        {"\"bias\": \"all\"", "'bias' is \"all\""},
        {"\"peft_type\": \"BOFT\"", "'peft_type' is \"BOFT\""},
        {"\"alpha\": 4", "'alpha' is 4"},
        {"\"init_lora_weights\": \"pissa_niter_4\"", "'init_lora_weights' is \"pissa_niter_4\""},
        {"\"layer_replication\": [[0, 4]]", "'layer_replication' is [[0,4]]"},
        {"\"of_next_year\": 7", "'of_next_year' is 7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char settings[512];
        double scale;
        const char *rest = strchr(cases[i][0], '"') + 1;
        snprintf(settings, sizeof settings, "{\"unet.%s}", rest);
        if (!scale_of("unet." LAYER, settings, &scale))
            fail_msg("%s is taken", settings);
        if (!strstr(dr_error(), cases[i][1]))
            fail_msg("'%s' does not say '%s'", dr_error(), cases[i][1]);
    }
}

/* All that peft 0.21 writes for an ordinary LoRA. */
static void settings_at_rest_ask_for_nothing(void **state)
{
    (void)state;
    double scale;
    const char *text =
        "{\"unet.alora_invocation_tokens\": null, \"unet.alpha_pattern\": {}, \"unet.auto_mapping\": null,"
        "\"unet.base_model_name_or_path\": \"x\", \"unet.bias\": \"none\", \"unet.corda_config\": null,"
        "\"unet.ensure_weight_tying\": false, \"unet.fan_in_fan_out\": false, \"unet.inference_mode\": true,"
        "\"unet.init_lora_weights\": \"gaussian\", \"unet.loftq_config\": {}, \"unet.lora_alpha\": 4, "
        "\"unet.lora_bias\": "
        "false,\"unet.lora_dropout\": 0.1, \"unet.megatron_core\": \"megatron.core\", \"unet.peft_type\": \"LORA\","
        "\"unet.peft_version\": \"0.21.2\", \"unet.qalora_group_size\": 16, \"unet.r\": 2, \"unet.rank_pattern\": {},"
        "\"unet.target_modules\": [\"to_q\"], \"unet.use_dora\": false, \"unet.use_rslora\": false,"
        "\"transformer.use_dora\": true}";
    if (scale_of("unet." LAYER, text, &scale))
        fail_msg("%s", dr_error());
    assert_true(scale == 2);
}

/* --- what else there is --------------------------------------------------------------------------------- */

static void other_kinds_are_called_by_their_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"lora_unet_a_b.lokr_t1", "a LoKr with a core"},
        {"lora_unet_a_b.oft_blocks", "an OFT"},
        {"lora_unet_a_b.on_input", "an IA3"},
        {"base_model.model.a.b.vera_lambda_b", "a VeRA"},
        {"lora_te2_text_model_x.alpha", "a LoRA for Stable Diffusion XL"},
        {"transformer.a.lora_A.weight", "a LoRA for a transformer model"},
        {"model.diffusion_model.input_blocks.0.0.weight", "a whole checkpoint"},
        {"conv_in.weight", "a model's own weights"},
        {"string_to_param.*", "an embedding (textual inversion) ('string_to_param.*'); pass it with --embedding"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const dr_st_entry e[] = {DOWN, UP, {.name = cases[i][0], .rank = 1, .dim = {2}}};
        char why[256];
        snprintf(why, sizeof why, "it is %s", cases[i][1]);
        refused(e, 3, NULL, why);
        refused(e, 3, NULL, cases[i][0]);
    }
}

static void a_bundled_embedding_becomes_a_word(void **state)
{
    (void)state;
    const dr_st_entry e[] = {DOWN, UP, {.name = "bundle_emb.mycoat.string_to_param.*", .rank = 2, .dim = {2, 4}}};
    dr_lora l;
    dr_learned_words w;
    assert_true(merged_value(e, 3, NULL) == 1);
    write_lora(e, 3, NULL);
    assert_int_equal(dr_lora_open(&l, at("l.safetensors")), DR_OK);
    assert_string_equal(l.note, "");
    dr_learned_words_init(&w, 4);
    assert_int_equal(dr_learned_words_bundled(&w, &l.file), DR_OK);
    assert_int_equal(w.count, 1);
    assert_int_equal(w.vectors, 2);
    assert_string_equal(w.word[0].word, "mycoat");
    dr_learned_words_clear(&w);
    dr_lora_close(&l);
    unlink(at("l.safetensors"));
    refused(&e[2], 1, NULL, "there is no LoRA in it");
}

static void copy(const char *from, const char *to)
{
    char *data;
    size_t n;
    assert_int_equal(dr_file_read(from, 1 << 20, &data, &n), DR_OK);
    assert_int_equal(dr_file_write(at(to), data, n), DR_OK);
    free(data);
}

static void folder_says(const char *why)
{
    dr_lora l;
    assert_int_not_equal(dr_lora_open(&l, at("f")), DR_OK);
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
}

static void a_folder_stands_for_the_one_adapter_in_it(void **state)
{
    (void)state;
    dr_lora l;
    model m;
    model_open(&m);
    if (dr_lora_open(&l, GOLDEN "peft") || dr_lora_apply(&l, &m.unet, &m.text, 0.7)) /* want.safetensors beside it */
        fail_msg("%s", dr_error());
    assert_true(difference(&m, GOLDEN "peft/want.safetensors") < 1e-6); /* with adapter_config.json */
    assert_string_equal(l.note, "");
    dr_lora_close(&l);
    model_close(&m);

    assert_int_equal(dr_mkdirs(at("f")), DR_OK);
    folder_says("there is no LoRA in folder");
    assert_int_equal(dr_file_write(at("f/a.bin"), "x", 1), DR_OK); /* it is opened where there is nothing else */
    folder_says("f/a.bin");
    copy(GOLDEN "kohya.safetensors", "f/coat.safetensors");
    assert_int_equal(dr_lora_open(&l, at("f")), DR_OK);
    dr_lora_close(&l);
    copy(GOLDEN "kohya.safetensors", "f/dress.safetensors");
    folder_says("It has coat.safetensors, dress.safetensors");
    copy(GOLDEN "diffusers.safetensors", "f/pytorch_lora_weights.safetensors");
    assert_int_equal(dr_lora_open(&l, at("f")), DR_OK);
    assert_non_null(strstr(l.file.path, "pytorch_lora_weights"));
    dr_lora_close(&l);
    copy(GOLDEN "peft/adapter_model.safetensors", "f/adapter_model.safetensors");
    folder_says("adapter_model.safetensors, coat.safetensors");
    assert_int_equal(dr_remove_tree(at("f")), DR_OK);
}

/* Its alpha lies in another file. */
static void a_peft_file_without_its_config_is_doubted(void **state)
{
    (void)state;
    dr_lora l;
    copy(GOLDEN "peft/adapter_model.safetensors", "coat.safetensors");
    assert_int_equal(dr_lora_open(&l, at("coat.safetensors")), DR_OK);
    assert_non_null(strstr(l.note, "adapter_config.json"));
    dr_lora_close(&l);
    unlink(at("coat.safetensors"));
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
        cmocka_unit_test(merges_what_diffusers_merges),
        cmocka_unit_test(adapters_add_up_and_models_apply_apart),
        cmocka_unit_test(alpha_has_three_places),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(patterns_fit_where_peft_fits_them),
        cmocka_unit_test(the_first_pattern_that_fits_counts),
        cmocka_unit_test(settings_that_mean_another_sum_are_refused_by_name),
        cmocka_unit_test(settings_at_rest_ask_for_nothing),
        cmocka_unit_test(other_kinds_are_called_by_their_names),
        cmocka_unit_test(a_bundled_embedding_becomes_a_word),
        cmocka_unit_test(a_folder_stands_for_the_one_adapter_in_it),
        cmocka_unit_test(a_peft_file_without_its_config_is_doubted),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
