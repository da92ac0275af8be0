/* Names of the published checkpoints, as CompVis' and OpenCLIP's code makes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/ldm_names.h"

#include <string.h>

/* Four levels of two layers, attention in the first three: Stable Diffusion 1 and 2. */
static const dr_unet_config published = {.levels = 4,
                                         .layers = {2, 2, 2, 2},
                                         .down_cross = {true, true, true, false},
                                         .up_cross = {false, true, true, true}};

typedef struct pair {
    const char *folder, *file;
} pair;

static void the_unet_is_named_as_published(void **state)
{
    (void)state;
    static const pair pairs[] = {
        {"conv_in.weight", "input_blocks.0.0.weight"},
        {"time_embedding.linear_1.bias", "time_embed.0.bias"},
        {"time_embedding.linear_2.weight", "time_embed.2.weight"},
        {"down_blocks.0.resnets.0.norm1.weight", "input_blocks.1.0.in_layers.0.weight"},
        {"down_blocks.0.resnets.1.conv1.bias", "input_blocks.2.0.in_layers.2.bias"},
        {"down_blocks.0.attentions.1.proj_in.weight", "input_blocks.2.1.proj_in.weight"},
        {"down_blocks.0.downsamplers.0.conv.weight", "input_blocks.3.0.op.weight"},
        {"down_blocks.1.resnets.0.conv_shortcut.weight", "input_blocks.4.0.skip_connection.weight"},
        {"down_blocks.1.resnets.0.time_emb_proj.bias", "input_blocks.4.0.emb_layers.1.bias"},
        {"down_blocks.2.attentions.0.transformer_blocks.0.attn2.to_k.weight",
         "input_blocks.7.1.transformer_blocks.0.attn2.to_k.weight"},
        {"down_blocks.2.downsamplers.0.conv.bias", "input_blocks.9.0.op.bias"},
        {"down_blocks.3.resnets.0.norm2.weight", "input_blocks.10.0.out_layers.0.weight"},
        {"down_blocks.3.resnets.1.conv2.weight", "input_blocks.11.0.out_layers.3.weight"},
        {"mid_block.resnets.0.conv1.weight", "middle_block.0.in_layers.2.weight"},
        {"mid_block.attentions.0.norm.weight", "middle_block.1.norm.weight"},
        {"mid_block.resnets.1.norm1.bias", "middle_block.2.in_layers.0.bias"},
        {"up_blocks.0.resnets.0.conv_shortcut.bias", "output_blocks.0.0.skip_connection.bias"},
        {"up_blocks.0.upsamplers.0.conv.weight", "output_blocks.2.1.conv.weight"},
        {"up_blocks.1.attentions.0.proj_out.weight", "output_blocks.3.1.proj_out.weight"},
        {"up_blocks.1.upsamplers.0.conv.weight", "output_blocks.5.2.conv.weight"},
        {"up_blocks.2.upsamplers.0.conv.bias", "output_blocks.8.2.conv.bias"},
        {"up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias",
         "output_blocks.11.1.transformer_blocks.0.norm1.bias"},
        {"up_blocks.3.resnets.1.norm1.weight", "output_blocks.10.0.in_layers.0.weight"},
        {"conv_norm_out.weight", "out.0.weight"},
        {"conv_out.bias", "out.2.bias"},
    };
    char name[DR_LDM_NAME_MAX];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_true(dr_ldm_unet_name(name, pairs[i].folder, &published));
        assert_string_equal(name, pairs[i].file);
    }
}

static void levels_may_have_different_numbers_of_layers(void **state)
{
    (void)state;
    static const dr_unet_config c = {.levels = 3, .layers = {1, 3, 2}, .up_cross = {true, false, false}};
    static const pair pairs[] = {
        {"down_blocks.0.downsamplers.0.conv.weight", "input_blocks.2.0.op.weight"},
        {"down_blocks.1.resnets.2.norm1.weight", "input_blocks.5.0.in_layers.0.weight"},
        {"down_blocks.2.resnets.1.norm1.weight", "input_blocks.8.0.in_layers.0.weight"},
        {"up_blocks.0.upsamplers.0.conv.weight", "output_blocks.2.2.conv.weight"},
        {"up_blocks.1.upsamplers.0.conv.weight", "output_blocks.6.1.conv.weight"},
        {"up_blocks.2.resnets.1.norm1.weight", "output_blocks.8.0.in_layers.0.weight"},
    };
    char name[DR_LDM_NAME_MAX];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_true(dr_ldm_unet_name(name, pairs[i].folder, &c));
        assert_string_equal(name, pairs[i].file);
    }
}

static void names_of_other_models_have_none(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "conv_in",
                                        "down_blocks.4.resnets.0.norm1.weight",
                                        "down_blocks.0.resnets.2.norm1.weight",
                                        "down_blocks.0.resnets.x.norm1.weight",
                                        "down_blocks.99999.resnets.0.norm1.weight",
                                        "down_blocks.0.motion_modules.0.norm.weight",
                                        "up_blocks.0.resnets.3.norm1.weight",
                                        "mid_block.resnets.2.norm1.weight",
                                        "class_embedding.weight"};
    char name[DR_LDM_NAME_MAX], longest[2 * DR_LDM_NAME_MAX];
    int third;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_false(dr_ldm_unet_name(name, names[i], &published));
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    memcpy(longest, "conv_in.", 8);
    assert_false(dr_ldm_unet_name(name, longest, &published));
    assert_false(dr_ldm_vae_name(name, longest, 4));
    assert_false(dr_ldm_ema_name(name, longest));
    assert_false(dr_ldm_openclip_name(name, "encoder.layers.0.self_attn.rotary.weight", &third));
}

/* LDM counts the decoder's levels from full resolution. */
static void the_vae_is_named_as_published(void **state)
{
    (void)state;
    static const pair pairs[] = {
        {"encoder.conv_in.weight", "encoder.conv_in.weight"},
        {"encoder.conv_norm_out.bias", "encoder.norm_out.bias"},
        {"encoder.down_blocks.0.resnets.1.norm1.weight", "encoder.down.0.block.1.norm1.weight"},
        {"encoder.down_blocks.2.resnets.0.conv_shortcut.weight", "encoder.down.2.block.0.nin_shortcut.weight"},
        {"encoder.down_blocks.2.downsamplers.0.conv.bias", "encoder.down.2.downsample.conv.bias"},
        {"encoder.mid_block.resnets.0.conv1.weight", "encoder.mid.block_1.conv1.weight"},
        {"encoder.mid_block.attentions.0.to_q.weight", "encoder.mid.attn_1.q.weight"},
        {"encoder.mid_block.attentions.0.group_norm.weight", "encoder.mid.attn_1.norm.weight"},
        {"decoder.mid_block.attentions.0.to_out.0.bias", "decoder.mid.attn_1.proj_out.bias"},
        {"decoder.mid_block.resnets.1.norm2.weight", "decoder.mid.block_2.norm2.weight"},
        {"decoder.up_blocks.0.resnets.2.conv2.weight", "decoder.up.3.block.2.conv2.weight"},
        {"decoder.up_blocks.0.upsamplers.0.conv.weight", "decoder.up.3.upsample.conv.weight"},
        {"decoder.up_blocks.3.resnets.0.conv_shortcut.bias", "decoder.up.0.block.0.nin_shortcut.bias"},
        {"quant_conv.weight", "quant_conv.weight"},
        {"post_quant_conv.bias", "post_quant_conv.bias"},
    };
    char name[DR_LDM_NAME_MAX];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_true(dr_ldm_vae_name(name, pairs[i].folder, 4));
        assert_string_equal(name, pairs[i].file);
    }
    assert_true(dr_ldm_vae_is_matrix("encoder.mid_block.attentions.0.to_v.weight"));
    assert_false(dr_ldm_vae_is_matrix("encoder.mid_block.attentions.0.to_v.bias"));
    assert_false(dr_ldm_vae_is_matrix("encoder.mid_block.attentions.0.group_norm.weight"));
}

static void the_text_encoder_is_named_as_openclip_does(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *file;
        int third;
    } pairs[] = {
        {"embeddings.position_embedding.weight", "positional_embedding", -1},
        {"embeddings.token_embedding.weight", "token_embedding.weight", -1},
        {"final_layer_norm.bias", "ln_final.bias", -1},
        {"encoder.layers.22.layer_norm1.weight", "transformer.resblocks.22.ln_1.weight", -1},
        {"encoder.layers.0.mlp.fc2.bias", "transformer.resblocks.0.mlp.c_proj.bias", -1},
        {"encoder.layers.3.self_attn.out_proj.weight", "transformer.resblocks.3.attn.out_proj.weight", -1},
        {"encoder.layers.3.self_attn.q_proj.weight", "transformer.resblocks.3.attn.in_proj_weight", 0},
        {"encoder.layers.3.self_attn.k_proj.bias", "transformer.resblocks.3.attn.in_proj_bias", 1},
        {"encoder.layers.3.self_attn.v_proj.weight", "transformer.resblocks.3.attn.in_proj_weight", 2},
    };
    char name[DR_LDM_NAME_MAX];
    int third;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_true(dr_ldm_openclip_name(name, pairs[i].folder, &third));
        assert_string_equal(name, pairs[i].file);
        assert_int_equal(third, pairs[i].third);
    }
}

static void the_moving_average_has_no_dots(void **state)
{
    (void)state;
    char name[DR_LDM_NAME_MAX];
    assert_true(dr_ldm_ema_name(name, "input_blocks.0.0.weight"));
    assert_string_equal(name, "model_ema.diffusion_modelinput_blocks00weight");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_unet_is_named_as_published),
        cmocka_unit_test(levels_may_have_different_numbers_of_layers),
        cmocka_unit_test(names_of_other_models_have_none),
        cmocka_unit_test(the_vae_is_named_as_published),
        cmocka_unit_test(the_text_encoder_is_named_as_openclip_does),
        cmocka_unit_test(the_moving_average_has_no_dots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
