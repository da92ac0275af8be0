/* Reading config.json: what the keys mean, what published models add up to, and a clear word about every fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/clip_text.h"
#include "models/unet.h"
#include "models/vae.h"
#include "pipeline/arch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char unet_text[] =
    "{\"in_channels\": 9, \"out_channels\": 4, \"sample_size\": 16, \"layers_per_block\": [1, 2, 3],"
    " \"block_out_channels\": [32, 64, 96], \"attention_head_dim\": [1, 2, 4], \"cross_attention_dim\": 24,"
    " \"norm_num_groups\": 8, \"use_linear_projection\": true, \"transformer_layers_per_block\": [1, 2, 3],"
    " \"only_cross_attention\": false, \"num_class_embeds\": null,"
    " \"down_block_types\": [\"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\", \"DownBlock2D\"],"
    " \"up_block_types\": [\"UpBlock2D\", \"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\"]}";
static const char vae_text[] = "{\"block_out_channels\": [16, 32], \"norm_num_groups\": 8, \"layers_per_block\": 2,"
                               " \"down_block_types\": [\"DownEncoderBlock2D\", \"DownEncoderBlock2D\"]}";
static const char clip_text[] = "{\"hidden_size\": 12, \"num_attention_heads\": 3, \"hidden_act\": \"gelu\"}";

/* `text` with one key set to a value, given as JSON. */
static json_t *with(const char *text, const char *key, const char *value)
{
    json_t *j = json_loads(text, 0, NULL), *v = key ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;
    assert_non_null(j);
    if (key) {
        assert_non_null(v);
        assert_int_equal(json_object_set_new(j, key, v), 0);
    }
    return j;
}

static dr_status parse_unet(const json_t *j)
{
    dr_unet_config c;
    return dr_unet_config_parse(&c, j, "some/config.json");
}

static dr_status parse_vae(const json_t *j)
{
    dr_vae_config c;
    return dr_vae_config_parse(&c, j, "some/config.json");
}

static dr_status parse_clip(const json_t *j)
{
    dr_clip_config c;
    return dr_clip_config_parse(&c, j, "some/config.json");
}

typedef struct fault {
    const char *key, *value, *says;
} fault;

/* Each is refused in a sentence that names the file and what is wrong in it. */
static void check_faults(dr_status (*parse)(const json_t *), const char *text, const fault *f, size_t n)
{
    json_t *good = with(text, NULL, NULL);
    if (parse(good))
        fail_msg("%s", dr_error());
    json_decref(good);
    for (size_t i = 0; i < n; i++) {
        json_t *j = with(text, f[i].key, f[i].value);
        if (parse(j) != DR_EINVAL)
            fail_msg("\"%s\": %s is accepted", f[i].key, f[i].value);
        if (!strstr(dr_error(), "some/config.json") || !strstr(dr_error(), f[i].says))
            fail_msg("\"%s\": %s: '%s' does not say '%s'", f[i].key, f[i].value, dr_error(), f[i].says);
        json_decref(j);
    }
}

static void faults_of_a_unet_are_named(void **state)
{
    (void)state;
    static const fault faults[] = {
        {"block_out_channels", "[32, 64, \"x\"]", "\"block_out_channels\""},
        {"block_out_channels", "[32, 64, -96]", "\"block_out_channels\""},
        {"block_out_channels", "[32, 64, 1e99]", "\"block_out_channels\""},
        {"block_out_channels", "[]", "\"block_out_channels\""},
        {"block_out_channels", "[32, 64, 96, 96, 96, 96, 96, 96, 96]", "\"block_out_channels\""},
        {"block_out_channels", "[32, 64]", "\"layers_per_block\""},
        {"block_out_channels", "[32, 64, 100]", "\"norm_num_groups\""},
        {"norm_num_groups", "0", "\"norm_num_groups\""},
        {"layers_per_block", "99", "\"layers_per_block\""},
        {"layers_per_block", "true", "\"layers_per_block\""},
        {"attention_head_dim", "[1, 2]", "\"attention_head_dim\" has 2 values"},
        {"attention_head_dim", "5", "\"attention_head_dim\""},
        {"attention_head_dim", "[1, 2, 0]", "\"attention_head_dim\""},
        {"cross_attention_dim", "\"24\"", "\"cross_attention_dim\""},
        {"transformer_layers_per_block", "[1, 2, 300]", "\"transformer_layers_per_block\""},
        {"down_block_types", "[\"DownBlock2D\"]", "\"down_block_types\" must list 3 blocks"},
        {"down_block_types", "[\"DownBlock2D\", \"DownBlock2D\", \"KDownBlock2D\"]", "'KDownBlock2D'"},
        {"up_block_types", "[1, 2, 3]", "\"up_block_types\""},
        {"up_block_types", "null", "\"up_block_types\""},
        {"mid_block_type", "\"UNetMidBlock2DSimpleCrossAttn\"", "\"mid_block_type\""},
        {"in_channels", "9.5", "\"in_channels\""},
        {"out_channels", "1000000", "\"out_channels\""},
        {"class_embed_type", "\"timestep\"", "\"class_embed_type\""},
        {"addition_embed_type", "\"text_time\"", "\"addition_embed_type\""},
        {"num_attention_heads", "8", "\"num_attention_heads\""},
        {"only_cross_attention", "true", "\"only_cross_attention\""},
        {"act_fn", "\"gelu\"", "\"act_fn\" is \"gelu\""},
        {"resnet_time_scale_shift", "\"scale_shift\"", "\"resnet_time_scale_shift\""},
        {"conv_in_kernel", "5", "\"conv_in_kernel\""},
        {"downsample_padding", "0", "\"downsample_padding\""},
        {"use_linear_projection", "1", "\"use_linear_projection\""},
    };
    check_faults(parse_unet, unet_text, faults, sizeof faults / sizeof *faults);
}

static void faults_of_a_vae_are_named(void **state)
{
    (void)state;
    static const fault faults[] = {
        {"block_out_channels", "null", "\"block_out_channels\" is missing"},
        {"block_out_channels", "[16, 33]", "\"norm_num_groups\""},
        {"block_out_channels", "[16, 32, 64]", "\"down_block_types\" must list 3 blocks"},
        {"down_block_types", "[\"DownEncoderBlock2D\", \"AttnDownEncoderBlock2D\"]", "'AttnDownEncoderBlock2D'"},
        {"up_block_types", "[\"UpDecoderBlock2D\"]", "\"up_block_types\""},
        {"latent_channels", "0", "\"latent_channels\""},
        {"layers_per_block", "1000", "\"layers_per_block\""},
        {"scaling_factor", "0", "\"scaling_factor\""},
        {"scaling_factor", "\"0.18\"", "\"scaling_factor\""},
        {"act_fn", "\"relu\"", "\"act_fn\""},
        {"use_quant_conv", "\"no\"", "\"use_quant_conv\""},
    };
    check_faults(parse_vae, vae_text, faults, sizeof faults / sizeof *faults);
}

static void faults_of_a_tiny_vae_are_named(void **state)
{
    (void)state;
    static const char text[] =
        "{\"_class_name\": \"AutoencoderTiny\", \"encoder_block_out_channels\": [8, 8], \"decoder_block_out_channels\":"
        " [6, 6], \"num_encoder_blocks\": [1, 2], \"num_decoder_blocks\": [2, 1]}";
    static const fault faults[] = {
        {"encoder_block_out_channels", "[8, 9]", "has the widths 8 and 9, which must be the same"},
        {"encoder_block_out_channels", "null", "\"num_encoder_blocks\" lists 2 levels"},
        {"encoder_block_out_channels", "[8]", "\"encoder_block_out_channels\" 1; they must be as many"},
        {"num_encoder_blocks", "[1, 1000]", "\"num_encoder_blocks\""},
        {"num_decoder_blocks", "[1, 2, 1]", "lists 3 levels, \"decoder_block_out_channels\" 2"},
        {"act_fn", "\"silu\"", "\"act_fn\" is \"silu\", only relu"},
        {"upsample_fn", "\"bilinear\"", "\"upsample_fn\""},
        {"upsampling_scaling_factor", "4", "\"upsampling_scaling_factor\" is 4, only 2"},
        {"scaling_factor", "0", "\"scaling_factor\""},
        {"latent_channels", "0", "\"latent_channels\""},
    };
    check_faults(parse_vae, text, faults, sizeof faults / sizeof *faults);
}

static void faults_of_a_text_encoder_are_named(void **state)
{
    (void)state;
    static const fault faults[] = {
        {"hidden_size", "0", "\"hidden_size\""},
        {"hidden_size", "13", "\"num_attention_heads\""},
        {"num_hidden_layers", "65", "\"num_hidden_layers\""},
        {"hidden_act", "\"relu\"", "\"hidden_act\" is \"relu\""},
        {"hidden_act", "3", "\"hidden_act\""},
        {"vocab_size", "1e9", "\"vocab_size\""},
        {"max_position_embeddings", "99999", "\"max_position_embeddings\""},
        {"layer_norm_eps", "\"small\"", "\"layer_norm_eps\""},
    };
    check_faults(parse_clip, clip_text, faults, sizeof faults / sizeof *faults);
}

/* --- meanings --------------------------------------------------------------------------------------- */

static void up_blocks_mirror_the_down_blocks(void **state)
{
    (void)state;
    dr_unet_config c;
    json_t *j = with(unet_text, NULL, NULL);
    assert_int_equal(dr_unet_config_parse(&c, j, "x"), DR_OK);
    json_decref(j);
    assert_int_equal(c.levels, 3);
    assert_true(c.down_cross[0] && c.down_cross[1] && !c.down_cross[2]);
    assert_true(!c.up_cross[0] && c.up_cross[1] && c.up_cross[2]);
    assert_memory_equal(c.heads, ((int[]){1, 2, 4}), 3 * sizeof(int)); /* not their width, whatever the key's name */
    assert_memory_equal(c.depth, ((int[]){1, 2, 3}), 3 * sizeof(int));
    assert_memory_equal(c.up_depth, ((int[]){3, 2, 1}), 3 * sizeof(int));
    assert_int_equal(c.mid_depth, 3);
    assert_memory_equal(c.context, ((int[]){24, 24, 24}), 3 * sizeof(int));
    assert_true(c.flip_sin_to_cos && c.freq_shift == 0);
}

static void one_number_stands_for_all_levels(void **state)
{
    (void)state;
    dr_unet_config c;
    json_t *j = with(unet_text, "attention_head_dim", "8");
    assert_int_equal(json_object_set_new(j, "layers_per_block", json_integer(2)), 0);
    assert_int_equal(dr_unet_config_parse(&c, j, "x"), DR_OK);
    json_decref(j);
    assert_memory_equal(c.heads, ((int[]){8, 8, 8}), 3 * sizeof(int));
    assert_memory_equal(c.layers, ((int[]){2, 2, 2}), 3 * sizeof(int));
}

/* What torch counts in the published models. */
static void check_counts(const char *name, int64_t unet, int64_t vae, int64_t text)
{
    dr_arch a;
    dr_params p[3] = {0};
    dr_unet_config uc;
    dr_vae_config vc;
    dr_clip_config tc;
    dr_unet *u = malloc(sizeof *u);
    dr_vae *v = malloc(sizeof *v);
    dr_clip_text *t = malloc(sizeof *t);
    assert_true(u && v && t);
    assert_int_equal(dr_arch_load(&a, name), DR_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(dr_params_init(&p[i]), DR_OK);
    assert_int_equal(dr_unet_config_parse(&uc, a.unet, name), DR_OK);
    assert_int_equal(dr_vae_config_parse(&vc, a.vae, name), DR_OK);
    assert_int_equal(dr_clip_config_parse(&tc, a.text_encoder, name), DR_OK);
    assert_int_equal(dr_unet_init(u, &uc, &p[0]), DR_OK);
    assert_int_equal(dr_vae_init(v, &vc, &p[1]), DR_OK);
    assert_int_equal(dr_clip_init(t, &tc, &p[2]), DR_OK);
    assert_int_equal(dr_params_numel(&p[0]), unet);
    assert_int_equal(dr_params_numel(&p[1]), vae);
    assert_int_equal(dr_params_numel(&p[2]), text);
    assert_int_equal(dr_vae_factor(&vc), 8);
    for (int i = 0; i < 3; i++)
        dr_params_clear(&p[i]);
    dr_arch_clear(&a);
    free(u);
    free(v);
    free(t);
}

static void published_models_have_their_number_of_parameters(void **state)
{
    (void)state;
    check_counts("sd2-inpainting", 865925124, 83653863, 340387840);
    check_counts("sd15-inpainting", 859535364, 83653863, 123060480);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_of_a_unet_are_named),
        cmocka_unit_test(faults_of_a_vae_are_named),
        cmocka_unit_test(faults_of_a_tiny_vae_are_named),
        cmocka_unit_test(faults_of_a_text_encoder_are_named),
        cmocka_unit_test(up_blocks_mirror_the_down_blocks),
        cmocka_unit_test(one_number_stands_for_all_levels),
        cmocka_unit_test(published_models_have_their_number_of_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
