#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/ldm_files.h"
#include "pipeline/single_file.h"

#include <unistd.h>

static const char *const models[] = {"unet", "vae", "text_encoder"};
static const char *const files[] = {"diffusion_pytorch_model", "diffusion_pytorch_model", "model"};

/* --- comparing ------------------------------------------------------------------------------------------- */

static const char *plain(const char *name)
{
    return strncmp(name, "text_model.", 11) == 0 ? name + 11 : name;
}

static void check_part(const dr_single_file *f, const char *folder, int part)
{
    char name[128];
    const dr_st_entry *e;
    size_t count;
    dr_tensor_file want;
    snprintf(name, sizeof name, "%s/%s/%s.safetensors", folder, models[part], files[part]);
    assert_int_equal(dr_single_part(f, models[part], &e, &count), DR_OK);
    assert_int_equal(dr_tensor_file_open(&want, at(name)), DR_OK);
    assert_int_equal(count, want.count);
    for (size_t i = 0; i < count; i++) {
        const dr_st_entry *w = &want.entry[i];
        assert_string_equal(plain(e[i].name), plain(w->name));
        assert_int_equal(e[i].dtype, w->dtype);
        assert_int_equal(e[i].rank, w->rank);
        assert_memory_equal(e[i].dim, w->dim, (size_t)w->rank * sizeof *w->dim);
        assert_int_equal(e[i].size, w->size);
        assert_memory_equal(e[i].data, w->data, w->size);
    }
    dr_tensor_file_close(&want);
}

/* The keys of a config that the arch files name, too. */
static void check_config(const dr_single_file *f, const char *folder, int part)
{
    char name[128];
    const char *key;
    json_t *have, *want, *value;
    snprintf(name, sizeof name, "%s/%s/config.json", folder, models[part]);
    assert_int_equal(dr_single_config(f, models[part], &have), DR_OK);
    assert_int_equal(dr_json_load(at(name), &want), DR_OK);
    json_object_foreach(want, key, value)
    {
        if (!json_equal(json_object_get(have, key), value) && strcmp(key, "torch_dtype") != 0)
            fail_msg("%s: \"%s\" differs", models[part], key);
    }
    json_decref(have);
    json_decref(want);
}

static dr_single_file *opened(const char *name, const dr_single_options *o)
{
    dr_single_file *f;
    if (dr_single_open(&f, at(name), o))
        fail_msg("%s", dr_error());
    return f;
}

static void check_is(const char *name, const char *folder, const dr_single_options *o)
{
    dr_single_file *f = opened(name, o);
    for (int i = 0; i < 3; i++)
        check_part(f, folder, i);
    dr_single_close(f);
}

static void check_refused(const char *name, const dr_single_options *o, const char *why)
{
    dr_single_file *f;
    assert_int_not_equal(dr_single_open(&f, at(name), o), DR_OK);
    assert_null(f);
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
}

/* --- reading --------------------------------------------------------------------------------------------- */

static void everything_is_told_by_the_tensors(void **state)
{
    (void)state;
    for (int sd2 = 0; sd2 < 2; sd2++) {
        edit_save(edit_open(sd2 ? "sd2.safetensors" : "sd1.safetensors"), "bare.safetensors"); /* no metadata */
        dr_single_file *f = opened("bare.safetensors", NULL);
        assert_string_equal(dr_single_family(f), sd2 ? "SD 2.x inpainting" : "SD 1.x inpainting");
        assert_string_equal(dr_single_note(f), "");
        for (int i = 0; i < 3; i++) {
            check_part(f, sd2 ? "sd2" : "sd1", i);
            check_config(f, sd2 ? "sd2" : "sd1", i);
        }
        json_t *j;
        assert_int_equal(dr_single_config(f, "scheduler", &j), DR_OK);
        assert_string_equal(json_string_value(json_object_get(j, "prediction_type")), "epsilon");
        assert_true(json_number_value(json_object_get(j, "beta_end")) == 0.012);
        json_decref(j);
        assert_int_equal(dr_single_config(f, "model_index.json", &j), DR_OK);
        assert_string_equal(json_string_value(json_object_get(j, "_class_name")), "StableDiffusionInpaintPipeline");
        json_decref(j);
        assert_int_equal(dr_single_config(f, "safety_checker", &j), DR_ENOENT);
        dr_single_close(f);
    }
}

static void names_that_tools_write_otherwise_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *file, *renames[4][2];
    } cases[] = {
        {"sd1", {{"cond_stage_model.transformer.text_model.", "cond_stage_model.transformer."}}},
        {"sd1", {{"cond_stage_model.", "conditioner.embedders.0."}}},
        {"sd2", {{"cond_stage_model.", "conditioner.embedders.0."}}},
        {"sd1", {{"first_stage_model.", "vae."}}},
        {"sd1", {{".attn_1.q.", ".attn_1.query."}, {".attn_1.k.", ".attn_1.key."}, {".attn_1.v.", ".attn_1.value."}}},
        {"sd1", {{".attn_1.q.", ".attn_1.to_q."}, {".attn_1.norm.", ".attn_1.group_norm."}}},
        {"sd2", {{".attn_1.proj_out.", ".attn_1.to_out.0."}}},
        {"sd2", {{".attn_1.proj_out.", ".attn_1.proj_attn."}}},
        {"sd1", {{"model.quant_conv", "model.encoder.quant_conv"}, {"model.post_q", "model.decoder.post_q"}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.safetensors", cases[i].file);
        ldm_edit *e = edit_open(name);
        for (int k = 0; k < 4 && cases[i].renames[k][0]; k++)
            edit_rename(e, cases[i].renames[k][0], cases[i].renames[k][1]);
        edit_save(e, "other.safetensors");
        check_is("other.safetensors", cases[i].file, NULL);
    }
}

static void the_attention_of_the_vae_may_have_two_axes_or_three(void **state)
{
    (void)state;
    for (int rank = 2; rank < 4; rank++) {
        ldm_edit *e = edit_open("sd1.safetensors");
        edit_find(e, "first_stage_model.encoder.mid.attn_1.q.weight")->rank = rank;
        edit_save(e, "other.safetensors");
        check_is("other.safetensors", "sd1", NULL);
    }
}

static void what_nobody_needs_is_passed_over_and_the_unknown_counted(void **state)
{
    (void)state;
    ldm_edit *e = edit_open("sd2.safetensors");
    const dr_st_entry *like = edit_find(e, "cond_stage_model.model.ln_final.bias");
    edit_add(e, "alphas_cumprod", like);
    edit_add(e, "cond_stage_model.model.attn_mask", like);
    edit_add(e, "model_ema.num_updates", like);
    edit_save(e, "other.safetensors");
    dr_single_file *f = opened("other.safetensors", NULL);
    assert_string_equal(dr_single_note(f), "");
    dr_single_close(f);

    e = edit_open("sd2.safetensors");
    like = edit_find(e, "cond_stage_model.model.ln_final.bias");
    edit_add(e, "a.word", like);
    edit_add(e, "another.word", like);
    edit_save(e, "other.safetensors");
    f = opened("other.safetensors", NULL);
    assert_non_null(strstr(dr_single_note(f), "2 tensors"));
    assert_non_null(strstr(dr_single_note(f), "'a.word'"));
    dr_single_close(f);
}

static void the_moving_average_is_taken_when_asked_for(void **state)
{
    (void)state;
    static char flat[2048][256];
    check_refused("sd1.safetensors", &(dr_single_options){.ema = true}, "has no moving average");
    ldm_edit *e = edit_open("sd1.safetensors"), *other = edit_open("sd1-other.safetensors");
    size_t n = e->count;
    for (size_t i = 0; i < n; i++) {
        const char *start = "model.diffusion_model.";
        if (strncmp(other->name[i], start, strlen(start)) != 0)
            continue;
        char *to = flat[i] + snprintf(flat[i], sizeof flat[i], "model_ema.");
        for (const char *s = other->name[i] + strlen("model."); *s; s++)
            if (*s != '.')
                *to++ = *s;
        *to = 0;
        edit_add(e, flat[i], &other->entry[i]);
    }
    edit_save(e, "ema.safetensors");
    dr_tensor_file_close(&other->file);
    free(other);

    check_is("ema.safetensors", "sd1", NULL);
    dr_single_file *f = opened("ema.safetensors", &(dr_single_options){.ema = true});
    assert_string_equal(dr_single_note(f), "");
    check_part(f, "sd1-other", 0);
    check_part(f, "sd1", 1);
    dr_single_close(f);

    e = edit_open("ema.safetensors");
    edit_remove(e, "model_ema.diffusion_modelmiddle_block1norm");
    edit_save(e, "other.safetensors");
    check_refused("other.safetensors", &(dr_single_options){.ema = true},
                  "'model_ema.diffusion_modelmiddle_block1norm");
    e = edit_open("ema.safetensors");
    edit_remove(e, "model.diffusion_model.");
    edit_save(e, "other.safetensors");
    check_refused("other.safetensors", NULL, "moving average alone");
    check_part(f = opened("other.safetensors", &(dr_single_options){.ema = true}), "sd1-other", 0);
    dr_single_close(f);
}

/* ViT-H's second-last layer is what SD 2 reads. */
static void how_many_layers_of_openclip_count(void **state)
{
    (void)state;
    static const char last[] = "model:\n  params:\n    cond_stage_config:\n      params:\n        layer: last\n";
    json_t *j;
    edit_save(edit_open("sd2.safetensors"), "layers.safetensors");
    dr_single_file *f = opened("layers.safetensors", NULL);
    assert_int_equal(dr_single_config(f, "text_encoder", &j), DR_OK);
    assert_int_equal(json_integer_value(json_object_get(j, "num_hidden_layers")), 2); /* of three */
    json_decref(j);
    dr_single_close(f);
    assert_int_equal(dr_file_write(at("layers.yaml"), last, strlen(last)), DR_OK);
    f = opened("layers.safetensors", NULL);
    assert_int_equal(dr_single_config(f, "text_encoder", &j), DR_OK);
    assert_int_equal(json_integer_value(json_object_get(j, "num_hidden_layers")), 3);
    json_decref(j);
    dr_single_close(f);
    unlink(at("layers.yaml"));
}

/* --- companions ------------------------------------------------------------------------------------------ */

static void yaml(const char *params, const char *unet)
{
    char text[512];
    snprintf(text, sizeof text, "model:\n  params:\n    timesteps: 1000\n%s    unet_config:\n      params:\n%s", params,
             unet);
    assert_int_equal(dr_file_write(at("with.yaml"), text, strlen(text)), DR_OK);
}

static void the_yaml_says_what_the_tensors_cannot(void **state)
{
    (void)state;
    json_t *j;
    edit_save(edit_open("sd2.safetensors"), "with.safetensors");
    yaml("    parameterization: v\n    linear_end: 0.02\n    scale_factor: 0.13\n",
         "        num_head_channels: 16\n        context_dim: 64\n        in_channels: 9\n");
    dr_single_file *f = opened("with.safetensors", NULL);
    assert_int_equal(dr_single_config(f, "unet", &j), DR_OK);
    json_t *heads = json_object_get(j, "attention_head_dim");
    assert_int_equal(json_integer_value(json_array_get(heads, 0)), 4);
    assert_int_equal(json_integer_value(json_array_get(heads, 1)), 8);
    json_decref(j);
    assert_int_equal(dr_single_config(f, "vae", &j), DR_OK);
    assert_true(json_number_value(json_object_get(j, "scaling_factor")) == 0.13);
    json_decref(j);
    assert_int_equal(dr_single_config(f, "scheduler", &j), DR_OK);
    assert_string_equal(json_string_value(json_object_get(j, "prediction_type")), "v_prediction");
    assert_true(json_number_value(json_object_get(j, "beta_end")) == 0.02);
    json_decref(j);
    dr_single_close(f);

    yaml("", "        num_heads: 2\n        num_head_channels: -1\n");
    f = opened("with.safetensors", NULL);
    assert_int_equal(dr_single_config(f, "unet", &j), DR_OK);
    assert_int_equal(json_integer_value(json_object_get(j, "attention_head_dim")), 2);
    json_decref(j);
    dr_single_close(f);

    yaml("", "        context_dim: 1024\n");
    check_refused("with.safetensors", NULL, "it says context_dim 1024, the file has 64");
    yaml("", "        num_head_channels: 48\n");
    check_refused("with.safetensors", NULL, "no multiple of 48");
    assert_int_equal(dr_file_write(at("with.yaml"), "model: {}\n", 10), DR_OK);
    check_refused("with.safetensors", NULL, "line 1");
    unlink(at("with.yaml"));
}

static void a_vae_beside_the_file_replaces_its_own(void **state)
{
    (void)state;
    ldm_edit *e = edit_open("sd1-other.safetensors");
    edit_remove(e, "model.");
    edit_remove(e, "cond_stage_model.");
    edit_rename(e, "first_stage_model.", "");
    edit_save(e, "shirt.vae.safetensors");
    edit_save(edit_open("sd1.safetensors"), "shirt.safetensors");
    dr_single_file *f = opened("shirt.safetensors", NULL);
    check_part(f, "sd1-other", 1);
    check_part(f, "sd1", 0);
    dr_single_close(f);

    /* by name; alone; and in diffusers' names, as a folder has it */
    f = opened("sd1.safetensors", &(dr_single_options){.vae = at("shirt.vae.safetensors")});
    check_part(f, "sd1-other", 1);
    dr_single_close(f);
    assert_int_equal(dr_single_open_vae(&f, at("shirt.vae.safetensors")), DR_OK);
    check_part(f, "sd1-other", 1);
    dr_single_close(f);
    assert_int_equal(dr_single_open_vae(&f, at("sd1/vae/diffusion_pytorch_model.safetensors")), DR_OK);
    check_part(f, "sd1", 1);
    dr_single_close(f);
    assert_int_equal(dr_single_open_vae(&f, at("sd1/unet/diffusion_pytorch_model.safetensors")), DR_EINVAL);
    unlink(at("shirt.vae.safetensors"));

    e = edit_open("sd1.safetensors");
    edit_remove(e, "first_stage_model.");
    edit_save(e, "other.safetensors");
    check_refused("other.safetensors", NULL, "it has no VAE");
    f = opened("other.safetensors", &(dr_single_options){.no_vae = true});
    check_part(f, "sd1", 0);
    dr_single_close(f);
}

/* --- faults ---------------------------------------------------------------------------------------------- */

static void what_is_missing_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *file, *without, *why;
    } cases[] = {
        {"sd1", "model.diffusion_model.out.0.weight", "'model.diffusion_model.out.0.weight'"},
        {"sd1", "model.diffusion_model.output_blocks.1.1.conv",
         "'model.diffusion_model.output_blocks.1.1.conv.weight'"},
        {"sd1", "model.diffusion_model.middle_block.1", "attention in the middle"},
        {"sd1", "model.diffusion_model.input_blocks.1.", "first level"},
        {"sd1", "first_stage_model.decoder.up.0.block.1", "'first_stage_model.decoder.up.0.block.1.norm1.weight'"},
        {"sd1", "first_stage_model.decoder.conv_in", "whole VAE"},
        {"sd1", "cond_stage_model.", "it has no text encoder"},
        {"sd2", "cond_stage_model.", "it has no text encoder"},
        {"sd2", "cond_stage_model.model.transformer.resblocks.1.attn.in_proj_bias", "resblocks.1.attn.in_proj_bias'"},
        {"sd1", "cond_stage_model.transformer.text_model.final", "text_model.final_layer_norm.weight'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.safetensors", cases[i].file);
        ldm_edit *e = edit_open(name);
        edit_remove(e, cases[i].without);
        edit_save(e, "other.safetensors");
        check_refused("other.safetensors", NULL, cases[i].why);
    }
}

static void shapes_and_types_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *tensor, *why;
        int64_t dim[4];
        int rank;
        dr_dtype dtype;
    } cases[] = {
        {"model.diffusion_model.out.2.weight", "has shape [4,9,64,3], expected", {4, 9, 64, 3}, 4, DR_F16},
        {"model.diffusion_model.input_blocks.0.0.weight", "takes 3 channels", {64, 3, 9, 3}, 4, DR_F16},
        {"model.diffusion_model.input_blocks.0.0.weight",
         "takes 8 channels, so it is an instruct",
         {81, 8, 2, 4},
         4,
         DR_F16},
        {"model.diffusion_model.input_blocks.0.0.weight", "is no convolution", {5184}, 1, DR_F16},
        {"model.diffusion_model.time_embed.0.bias", "is I64", {256}, 1, DR_I64},
        {"cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
         "\"hidden_size\" is 49408",
         {64, 49408},
         2,
         DR_F16},
        {"cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight", "has shape", {64, 96}, 2, DR_F16},
        {"model.diffusion_model.input_blocks.1.0.out_layers.3.weight", "", {0, 64, 3, 3}, 4, DR_F16},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ldm_edit *e = edit_open("sd1.safetensors");
        dr_st_entry *t = edit_find(e, cases[i].tensor);
        t->rank = cases[i].rank;
        t->dtype = cases[i].dtype;
        memcpy(t->dim, cases[i].dim, sizeof cases[i].dim);
        size_t bytes = dr_dtype_size(t->dtype);
        for (int k = 0; k < t->rank; k++)
            bytes *= (size_t)t->dim[k];
        static char zeros[8 << 20];
        t->data = bytes <= t->size ? t->data : zeros;
        t->size = bytes;
        edit_save(e, "other.safetensors");
        check_refused("other.safetensors", NULL, cases[i].why);
    }
}

static void other_things_are_called_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *tensor, *what;
        bool alone;
    } cases[] = {
        {"control_model.input_hint_block.0.weight", "a ControlNet"},
        {"conditioner.embedders.1.model.ln_final.weight", "Stable Diffusion XL"},
        {"model.diffusion_model.label_emb.0.0.weight", "unCLIP"},
        {"depth_model.model.pretrained.cls_token", "a depth-guided model"},
        {"model.diffusion_model.joint_blocks.0.x", "Stable Diffusion 3"},
        {"lora_unet_mid_block_attentions_0_proj_in.lora_up.weight", "a LoRA", true},
        {"unet.mid_block.attentions.0.proj_in.lora_A.weight", "a LoRA", true},
        {"first_stage_model.encoder.conv_in.weight", "a VAE alone", true},
        {"encoder.down.0.block.0.norm1.weight", "a VAE alone", true},
        {"emb_params", "an embedding (textual inversion)", true},
        {"down_blocks.0.resnets.0.norm1.weight", "the UNet of a pipeline folder", true},
        {"text_model.embeddings.position_ids", "a text encoder alone", true},
        {"control_model.zero_convs.0.0.weight", "a ControlNet", true},
        {"first_stage_model.encoder.down.2.attn.0.norm.weight", "attention in its levels"},
        {"something", "no Stable Diffusion checkpoint", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ldm_edit *e = edit_open("sd1.safetensors");
        dr_st_entry like = *edit_find(e, "model.diffusion_model.out.0.bias");
        if (cases[i].alone)
            e->count = 0;
        edit_add(e, cases[i].tensor, &like);
        edit_save(e, "other.safetensors");
        check_refused("other.safetensors", NULL, cases[i].what);
    }
    assert_int_equal(dr_file_write(at("other.safetensors"), "PK", 2), DR_OK);
    check_refused("other.safetensors", NULL, "cannot read");
    check_refused("nowhere.safetensors", NULL, "nowhere");
}

static void text_to_image_models_are_a_family_of_their_own(void **state)
{
    (void)state;
    json_t *j;
    make_folder("sd2-text", true, "float16", 4, 5);
    converted("sd2-text", "sd2-text.safetensors", NULL);
    edit_save(edit_open("sd2-text.safetensors"), "other.safetensors");
    dr_single_file *f = opened("other.safetensors", NULL);
    assert_string_equal(dr_single_family(f), "SD 2.x text-to-image");
    assert_int_equal(dr_single_config(f, "model_index.json", &j), DR_OK);
    assert_string_equal(json_string_value(json_object_get(j, "_class_name")), "StableDiffusionPipeline");
    json_decref(j);
    assert_int_equal(dr_single_config(f, "scheduler", &j), DR_OK);
    assert_string_equal(json_string_value(json_object_get(j, "prediction_type")),
                        "epsilon"); /* its bias is all zeros */
    json_decref(j);
    dr_single_close(f);
}

/* What a cut file gives is a sentence, wherever it is cut. */
static void cut_files_are_refused(void **state)
{
    (void)state;
    dr_map map;
    assert_int_equal(dr_map_open(&map, at("sd1.safetensors")), DR_OK);
    for (size_t i = 0; i < 12; i++) {
        dr_single_file *f;
        size_t n = i < 6 ? (size_t)1 << (3 * i) : map.size - ((size_t)1 << (2 * (i - 6)));
        assert_int_equal(dr_file_write(at("other.safetensors"), map.data, n), DR_OK);
        assert_int_not_equal(dr_single_open(&f, at("other.safetensors"), NULL), DR_OK);
        assert_true(dr_error()[0] != 0);
    }
    dr_map_close(&map);
}

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(ldm_folder));
    make_folder("sd1", false, "float16", 9, 1);
    make_folder("sd1-other", false, "float16", 9, 2);
    make_folder("sd2", true, "float32", 9, 3);
    converted("sd1", "sd1.safetensors", NULL);
    converted("sd1-other", "sd1-other.safetensors", NULL);
    converted("sd2", "sd2.safetensors", NULL);
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
        cmocka_unit_test(everything_is_told_by_the_tensors),
        cmocka_unit_test(names_that_tools_write_otherwise_are_known),
        cmocka_unit_test(the_attention_of_the_vae_may_have_two_axes_or_three),
        cmocka_unit_test(what_nobody_needs_is_passed_over_and_the_unknown_counted),
        cmocka_unit_test(the_moving_average_is_taken_when_asked_for),
        cmocka_unit_test(how_many_layers_of_openclip_count),
        cmocka_unit_test(the_yaml_says_what_the_tensors_cannot),
        cmocka_unit_test(a_vae_beside_the_file_replaces_its_own),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(shapes_and_types_that_cannot_be_are_refused),
        cmocka_unit_test(other_things_are_called_what_they_are),
        cmocka_unit_test(text_to_image_models_are_a_family_of_their_own),
        cmocka_unit_test(cut_files_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
