#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/lora.h"

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
    snprintf(path, sizeof path, "%s/%s", folder, name);
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
    e[2] = (dr_st_entry){.name = "lora_unet_a_b.hada_w1_a", .rank = 1, .dim = {2}};
    refused(e, 3, NULL,
            "1 of its 3 tensors are not of a LoRA for Stable Diffusion 1 or 2, the first is "
            "'lora_unet_a_b.hada_w1_a'");
    e[2].name = "lora_te2_text_model_x.alpha";
    refused(e, 3, NULL, "'lora_te2_text_model_x.alpha'");
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
    refused(good, 2, &dora, "DoRA");
    refused(good, 2, &broken, "not valid JSON");
    dr_lora l;
    assert_int_equal(dr_lora_open(&l, at("none.safetensors")), DR_ENOENT);
    dr_lora_close(&l);
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
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
