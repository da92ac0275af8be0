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

#define GOLDEN DR_SOURCE_DIR "/tests/golden/lycoris/"

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
        dr_tensor *t = dr_param_add(p, "", e->name + 5, DR_INIT_ZEROS, 0, e->rank, d[0], e->rank > 1 ? d[1] : 1,
                                    e->rank > 2 ? d[2] : 1, e->rank > 3 ? d[3] : 1);
        t->data = (void *)(uintptr_t)e->data;
        t->mapped = true;
    }
}

static void model_close(model *m)
{
    dr_params_clear(&m->unet);
    dr_params_clear(&m->text);
    dr_st_close(&m->base);
}

static double distance(const dr_st_entry *e, const dr_param *q)
{
    double worst = 0;
    assert_int_equal(dr_nbytes(&q->t), e->size);
    for (size_t k = 0; k < e->size / 4; k++)
        worst = fmax(worst, fabs((double)((const float *)e->data)[k] - (double)((const float *)q->t.data)[k]));
    return worst;
}

static const dr_param *param_of(const model *m, const char *name)
{
    const dr_param *q = dr_param_find(strncmp(name, "text/", 5) == 0 ? &m->text : &m->unet, name + 5);
    assert_non_null(q);
    return q;
}

/* What the file of merged layers has is what the model has; what it has not is as it was. */
static void assert_merged(const model *m, const char *want, double tolerance)
{
    dr_safetensors f;
    assert_int_equal(dr_st_open(&f, want), DR_OK);
    for (size_t i = 0; i < f.count; i++) {
        double d = distance(&f.entry[i], param_of(m, f.entry[i].name));
        if (d > tolerance)
            fail_msg("%s: '%s' differs by %g", want, f.entry[i].name, d);
    }
    for (size_t i = 0; i < m->base.count; i++) {
        const dr_st_entry *e = &m->base.entry[i];
        if (!dr_st_find(&f, e->name) && distance(e, param_of(m, e->name)) != 0)
            fail_msg("%s: '%s' has changed", want, e->name);
    }
    dr_st_close(&f);
}

/* The smallest change of a layer that should change. */
static double least_change(const model *m, const char *want)
{
    dr_safetensors f;
    double least = 1e9;
    assert_int_equal(dr_st_open(&f, want), DR_OK);
    for (size_t i = 0; i < f.count; i++)
        least = fmin(least, distance(&f.entry[i], param_of(m, f.entry[i].name)));
    dr_st_close(&f);
    return least;
}

static void apply(model *m, const char *file, double scale)
{
    dr_lora l;
    if (dr_lora_open(&l, file) || dr_lora_apply(&l, &m->unet, &m->text, scale))
        fail_msg("%s", dr_error());
    assert_string_equal(l.note, "");
    dr_lora_close(&l);
}

/* tools/golden/make_lycoris.py: what LyCORIS' modules, peft's merge and diffusers' fuse_lora make at a scale of 0.7 */
static void file_merges_what(const char *name, const char *want_name)
{
    char file[256], want[256];
    model m;
    snprintf(file, sizeof file, GOLDEN "%s", name);
    snprintf(want, sizeof want, GOLDEN "%s-want.safetensors", want_name);
    model_open(&m);
    assert_true(least_change(&m, want) > 0.01); /* the adapter is not a small thing */
    apply(&m, file, 0.7);
    assert_merged(&m, want, 2e-6);
    model_close(&m);
}

static void merges_what(const char *name, bool is_folder)
{
    char file[256];
    snprintf(file, sizeof file, "%s%s", name, is_folder ? "" : ".safetensors");
    file_merges_what(file, name);
}

/* One layer of ones for a table of two levels, the first with one resnet and no attention, the second with two. */
static void merges_into(const char *key, const char *param)
{
    static const char *const names[] = {"conv_in.weight",
                                        "time_embedding.linear_2.weight",
                                        "down_blocks.0.resnets.0.conv1.weight",
                                        "down_blocks.0.downsamplers.0.conv.weight",
                                        "down_blocks.1.resnets.0.conv1.weight",
                                        "down_blocks.1.resnets.1.conv1.weight",
                                        "down_blocks.1.attentions.1.proj_in.weight",
                                        "mid_block.attentions.0.proj_in.weight",
                                        "up_blocks.0.resnets.2.conv2.weight",
                                        "up_blocks.0.attentions.2.proj_in.weight",
                                        "up_blocks.0.upsamplers.0.conv.weight",
                                        "up_blocks.1.resnets.0.conv2.weight"};
    const float two[2] = {1, 1};
    char down[256], up[256];
    snprintf(down, sizeof down, "%s.lora_down.weight", key);
    snprintf(up, sizeof up, "%s.lora_up.weight", key);
    const dr_st_entry e[] = {{.name = down, .rank = 2, .dim = {1, 2}}, {.name = up, .rank = 2, .dim = {2, 1}}};
    dr_st_writer w;
    dr_params p;
    dr_lora l;
    assert_int_equal(dr_st_create(&w, at("l.safetensors"), e, 2, NULL, 0), DR_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(dr_st_put(&w, two, sizeof two), DR_OK);
    assert_int_equal(dr_st_commit(&w), DR_OK);
    assert_int_equal(dr_params_init(&p), DR_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        dr_param_add(&p, "", names[i], DR_INIT_ZEROS, 0, 2, 2, 2, 1, 1);
    for (dr_param *q = p.first; q; q = q->next)
        assert_int_equal(dr_param_own(q, DR_F32), DR_OK);
    if (dr_lora_open(&l, at("l.safetensors")) || dr_lora_apply(&l, &p, NULL, 1))
        fail_msg("%s", dr_error());
    for (dr_param *q = p.first; q; q = q->next)
        if ((((float *)q->t.data)[0] != 0) != (strcmp(q->t.name, param) == 0))
            fail_msg("'%s' changes '%s', expected '%s'", key, q->t.name, param);
    dr_lora_close(&l);
    dr_params_clear(&p);
    unlink(at("l.safetensors"));
}

static void ldms_names_of_layers_are_known(void **state)
{
    (void)state;
    merges_into("diffusion_model.input_blocks.0.0", "conv_in.weight");
    merges_into("diffusion_model.time_embed.2", "time_embedding.linear_2.weight");
    merges_into("diffusion_model.input_blocks.1.0.in_layers.2", "down_blocks.0.resnets.0.conv1.weight");
    merges_into("diffusion_model.input_blocks.2.0.op", "down_blocks.0.downsamplers.0.conv.weight");
    merges_into("diffusion_model.input_blocks.4.1.proj_in", "down_blocks.1.attentions.1.proj_in.weight");
    merges_into("lora_unet_input_blocks_4_0_in_layers_2", "down_blocks.1.resnets.1.conv1.weight");
    merges_into("lora_unet_middle_block_1_proj_in", "mid_block.attentions.0.proj_in.weight");
    merges_into("lora_unet_output_blocks_2_2_conv", "up_blocks.0.upsamplers.0.conv.weight");
    merges_into("lora_unet_output_blocks_3_0_out_layers_3", "up_blocks.1.resnets.0.conv2.weight");
}

static void adapters_may_be_pickles(void **state)
{
    (void)state;
    file_merges_what("loha.pt", "loha");
    file_merges_what("peft-dora-bin", "peft-dora");
}

static void a_locon_with_cores_merges_as_lycoris_has_it(void **state)
{
    (void)state;
    merges_what("locon", false);
}

static void alpha_may_be_missing_and_values_bf16(void **state)
{
    (void)state;
    merges_what("locon-bf16", false);
}

static void a_loha_merges_as_lycoris_has_it(void **state)
{
    (void)state;
    merges_what("loha", false);
}

static void a_lokr_merges_as_lycoris_has_it(void **state)
{
    (void)state;
    merges_what("lokr", false);
}

static void doras_norms_may_be_of_rows_or_columns(void **state)
{
    (void)state;
    merges_what("dora-rows", false);
    merges_what("dora-columns", false);
}

static void whole_differences_change_biases_and_norms_too(void **state)
{
    (void)state;
    merges_what("full", false);
}

static void open_clips_names_are_known_with_their_three_projections_in_one(void **state)
{
    (void)state;
    merges_what("open-clip", false);
}

static void pefts_kinds_merge_as_peft_has_them(void **state)
{
    (void)state;
    merges_what("peft-dora", true);
    merges_what("peft-loha", true);
    merges_what("peft-lokr", true);
    merges_what("diffusers-dora", false);
}

/* The second sees what the first made of the weights, which for a DoRA is another thing than their sum. */
static void adapters_go_one_after_the_other(void **state)
{
    (void)state;
    model first, second;
    model_open(&first);
    model_open(&second);
    apply(&first, GOLDEN "loha.safetensors", 0.7);
    apply(&first, GOLDEN "dora-rows.safetensors", 0);
    assert_merged(&first, GOLDEN "loha-want.safetensors", 2e-6); /* at 0 a DoRA changes nothing */
    apply(&first, GOLDEN "dora-rows.safetensors", 1);
    apply(&second, GOLDEN "dora-rows.safetensors", 1);
    apply(&second, GOLDEN "loha.safetensors", 0.7);
    const char *name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight";
    const float *a = dr_param_find(&first.unet, name)->t.data, *b = dr_param_find(&second.unet, name)->t.data;
    assert_true(fabsf(a[0] - b[0]) > 1e-3f);
    model_close(&first);
    model_close(&second);
}

/* --- refused ------------------------------------------------------------------------------------------ */

/* Tensors of ones for a table with "a.b.weight" [4,6] and "c.weight" [4,6,3,3], the latter with a bias. */
static void refused(const dr_st_entry *e, size_t n, const char *why)
{
    dr_st_writer w;
    dr_params p;
    dr_lora l;
    float ones[512];
    for (int i = 0; i < 512; i++)
        ones[i] = 1;
    assert_int_equal(dr_st_create(&w, at("l.safetensors"), e, n, NULL, 0), DR_OK);
    for (size_t i = 0; i < n; i++) {
        size_t values = 1;
        for (int k = 0; k < e[i].rank; k++)
            values *= (size_t)e[i].dim[k];
        assert_int_equal(dr_st_put(&w, ones, values * 4), DR_OK);
    }
    assert_int_equal(dr_st_commit(&w), DR_OK);
    assert_int_equal(dr_params_init(&p), DR_OK);
    dr_param_add(&p, "a.b", "weight", DR_INIT_ZEROS, 0, 2, 4, 6, 1, 1);
    dr_param_add(&p, "c", "weight", DR_INIT_ZEROS, 0, 4, 4, 6, 3, 3);
    dr_param_add(&p, "c", "bias", DR_INIT_ZEROS, 0, 1, 4, 1, 1, 1);
    for (dr_param *q = p.first; q; q = q->next)
        assert_int_equal(dr_param_own(q, DR_F32), DR_OK);
    dr_status st = dr_lora_open(&l, at("l.safetensors"));
    if (!st) {
        st = dr_lora_apply(&l, &p, NULL, 1);
        dr_lora_close(&l);
    }
    if (!st && why)
        fail_msg("taken, where '%s' was expected", why);
    if (!why && st)
        fail_msg("%s", dr_error());
    if (why && (!strstr(dr_error(), why) || !strstr(dr_error(), "l.safetensors")))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
    for (dr_param *q = p.first; why && q; q = q->next)
        for (int64_t i = 0; i < dr_numel(&q->t); i++)
            assert_true(((float *)q->t.data)[i] == 0); /* nothing half done */
    dr_params_clear(&p);
    unlink(at("l.safetensors"));
}

#define T2(n, a, b)                                                                                                    \
    {                                                                                                                  \
        .name = n, .rank = 2, .dim = { a, b }                                                                          \
    }
#define T4(n, a, b, c, d)                                                                                              \
    {                                                                                                                  \
        .name = n, .rank = 4, .dim = { a, b, c, d }                                                                    \
    }

static void tensors_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    dr_st_entry loha[] = {T2("lora_unet_a_b.hada_w1_a", 4, 2), T2("lora_unet_a_b.hada_w1_b", 2, 6),
                          T2("lora_unet_a_b.hada_w2_a", 4, 2), T2("lora_unet_a_b.hada_w2_b", 2, 6)};
    refused(loha, 4, NULL);
    refused(loha, 3, "without its counterpart");
    loha[3].dim[1] = 5;
    refused(loha, 4, "does not fit 'a.b.weight' of shape [4,6]");
    loha[3].dim[0] = 3;
    refused(loha, 4, "do not share a rank");
    loha[3] = (dr_st_entry)T2("lora_unet_a_b.lora_down.weight", 2, 6);
    refused(loha, 4, "of more than one kind");

    dr_st_entry lokr[] = {T2("lora_unet_c.lokr_w1", 2, 3), T2("lora_unet_c.lokr_w2_a", 1, 2),
                          T2("lora_unet_c.lokr_w2_b", 1, 2), T4("lora_unet_c.lokr_t2", 1, 1, 3, 3)};
    refused(lokr, 4, NULL);
    lokr[3].dim[3] = 2;
    refused(lokr, 4, "does not fit 'c.weight' of shape [4,6,3,3]");
    lokr[3].dim[3] = 3;
    lokr[3].dim[0] = 2;
    refused(lokr, 4, "do not share a rank");
    refused(lokr, 3, "do not share a rank"); /* without the core a product of [1,2] and [1,2] */
    lokr[0].dim[0] = 3;
    lokr[3].dim[0] = 1;
    refused(lokr, 4, "does not fit 'c.weight'");

    dr_st_entry mid[] = {T4("lora_unet_c.lora_down.weight", 2, 6, 1, 1), T4("lora_unet_c.lora_up.weight", 4, 3, 1, 1),
                         T4("lora_unet_c.lora_mid.weight", 3, 2, 3, 3)};
    refused(mid, 3, NULL);
    mid[2].dim[0] = 2;
    refused(mid, 3, "do not share a rank");
    mid[2] = (dr_st_entry)T4("lora_unet_c.lora_mid.weight", 3, 2, 1, 3);
    refused(mid, 3, "made for another model");

    dr_st_entry full[] = {T2("lora_unet_a_b.diff", 4, 6), {.name = "lora_unet_c.diff_b", .rank = 1, .dim = {4}}};
    refused(full, 2, NULL);
    full[1].dim[0] = 3;
    refused(full, 2, "'lora_unet_c.diff_b' has shape [3]");
    full[1] = (dr_st_entry){.name = "lora_unet_a_b.diff_b", .rank = 1, .dim = {4}};
    refused(full, 2, "for a bias, which the model's layer has not");
    full[1] = (dr_st_entry)T2("lora_unet_a_b.dora_scale", 4, 1);
    refused(full, 2, "a DoRA on a whole weight difference");

    dr_st_entry dora[] = {T2("lora_unet_a_b.lora_down.weight", 1, 6), T2("lora_unet_a_b.lora_up.weight", 4, 1),
                          T2("lora_unet_a_b.dora_scale", 1, 6)};
    refused(dora, 3, NULL);
    dora[2].dim[1] = 4;
    refused(dora, 3, "'lora_unet_a_b.dora_scale' has shape [1,4]");
    refused(&dora[2], 1, "without its counterpart");
}

static void other_methods_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"lora_unet_a_b.oft_blocks", "it is an OFT"},
        {"lora_unet_a_b.oft_diag", "it is an OFT"},
        {"lora_unet_a_b.on_input", "it is an IA3"},
        {"lora_unet_a_b.a1.weight", "it is a GLoRA"},
        {"base_model.model.a.b.boft_R", "it is a BOFT"},
        {"lora_unet_a_b.lokr_t1", "it is a LoKr with a core"},
        {"base_model.model.a.b.oft_R.weight", "it is an OFT"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const dr_st_entry e[] = {T2(cases[i][0], 2, 2)};
        refused(e, 1, cases[i][1]);
    }
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
        cmocka_unit_test(a_locon_with_cores_merges_as_lycoris_has_it),
        cmocka_unit_test(alpha_may_be_missing_and_values_bf16),
        cmocka_unit_test(a_loha_merges_as_lycoris_has_it),
        cmocka_unit_test(a_lokr_merges_as_lycoris_has_it),
        cmocka_unit_test(doras_norms_may_be_of_rows_or_columns),
        cmocka_unit_test(whole_differences_change_biases_and_norms_too),
        cmocka_unit_test(open_clips_names_are_known_with_their_three_projections_in_one),
        cmocka_unit_test(pefts_kinds_merge_as_peft_has_them),
        cmocka_unit_test(ldms_names_of_layers_are_known),
        cmocka_unit_test(adapters_may_be_pickles),
        cmocka_unit_test(adapters_go_one_after_the_other),
        cmocka_unit_test(tensors_that_do_not_fit_are_refused),
        cmocka_unit_test(other_methods_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
