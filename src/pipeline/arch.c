#include "pipeline/arch.h"

#include <string.h>

/* clang-format off */
#define UNET_COMMON \
    "\"act_fn\": \"silu\", \"block_out_channels\": [320, 640, 1280, 1280], \"center_input_sample\": false," \
    "\"down_block_types\": [\"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\", \"DownBlock2D\"]," \
    "\"downsample_padding\": 1, \"flip_sin_to_cos\": true, \"freq_shift\": 0, \"in_channels\": 9, \"layers_per_block\": 2," \
    "\"mid_block_scale_factor\": 1, \"norm_eps\": 1e-05, \"norm_num_groups\": 32, \"out_channels\": 4, \"sample_size\": 64," \
    "\"up_block_types\": [\"UpBlock2D\", \"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\"]"

#define VAE \
    "\"vae\": {\"act_fn\": \"silu\", \"block_out_channels\": [128, 256, 512, 512]," \
    "\"down_block_types\": [\"DownEncoderBlock2D\", \"DownEncoderBlock2D\", \"DownEncoderBlock2D\", \"DownEncoderBlock2D\"]," \
    "\"in_channels\": 3, \"latent_channels\": 4, \"layers_per_block\": 2, \"norm_num_groups\": 32, \"out_channels\": 3," \
    "\"sample_size\": 512, \"scaling_factor\": 0.18215," \
    "\"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\", \"UpDecoderBlock2D\", \"UpDecoderBlock2D\"]}"

#define TEXT_COMMON \
    "\"attention_dropout\": 0.0, \"bos_token_id\": 0, \"dropout\": 0.0, \"eos_token_id\": 2, \"initializer_factor\": 1.0," \
    "\"initializer_range\": 0.02, \"layer_norm_eps\": 1e-05, \"max_position_embeddings\": 77, \"pad_token_id\": 1," \
    "\"vocab_size\": 49408"

#define SCHEDULER \
    "\"scheduler\": {\"class\": \"PNDMScheduler\", \"beta_end\": 0.012, \"beta_schedule\": \"scaled_linear\"," \
    "\"beta_start\": 0.00085, \"num_train_timesteps\": 1000, \"prediction_type\": \"epsilon\", \"set_alpha_to_one\": false," \
    "\"skip_prk_steps\": true, \"steps_offset\": 1, \"trained_betas\": null}"

/* stabilityai/stable-diffusion-2-inpainting */
static const char sd2_inpainting[] =
    "{\"unet\": {" UNET_COMMON ", \"attention_head_dim\": [5, 10, 20, 20], \"cross_attention_dim\": 1024,"
    "\"dual_cross_attention\": false, \"num_class_embeds\": null, \"only_cross_attention\": false,"
    "\"use_linear_projection\": true}," VAE ","
    "\"text_encoder\": {" TEXT_COMMON ", \"hidden_act\": \"gelu\", \"hidden_size\": 1024, \"intermediate_size\": 4096,"
    "\"num_attention_heads\": 16, \"num_hidden_layers\": 23, \"projection_dim\": 512}," SCHEDULER ","
    "\"pad_token\": \"!\"}";

/* runwayml/stable-diffusion-inpainting */
static const char sd15_inpainting[] =
    "{\"unet\": {" UNET_COMMON ", \"attention_head_dim\": 8, \"cross_attention_dim\": 768}," VAE ","
    "\"text_encoder\": {" TEXT_COMMON ", \"hidden_act\": \"quick_gelu\", \"hidden_size\": 768, \"intermediate_size\": 3072,"
    "\"num_attention_heads\": 12, \"num_hidden_layers\": 12, \"projection_dim\": 768}," SCHEDULER ","
    "\"pad_token\": \"<|endoftext|>\"}";
/* clang-format on */

const char *const dr_arch_names[] = {"sd2-inpainting", "sd15-inpainting", NULL};
static const char *const texts[] = {sd2_inpainting, sd15_inpainting};

static dr_status parse_dtype(const json_t *root, const char *where, dr_dtype *out)
{
    static const struct {
        const char *name;
        dr_dtype dtype;
    } names[] = {{"float32", DR_F32}, {"float16", DR_F16}, {"bfloat16", DR_BF16},
                 {"f32", DR_F32},     {"f16", DR_F16},     {"bf16", DR_BF16}};
    const char *name;
    dr_status st = dr_json_string(root, where, "dtype", "float32", &name);
    if (st)
        return st;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i].name) == 0) {
            *out = names[i].dtype;
            return DR_OK;
        }
    return dr_fail(DR_EINVAL, "'%s': \"dtype\" is \"%.32s\", must be float32, float16 or bfloat16", where, name);
}

static dr_status parse(dr_arch *a, const char *where)
{
    struct {
        const char *key;
        const json_t **out;
    } parts[] = {
        {"unet", &a->unet}, {"vae", &a->vae}, {"text_encoder", &a->text_encoder}, {"scheduler", &a->scheduler}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        *parts[i].out = json_object_get(a->root, parts[i].key);
        if (!json_is_object(*parts[i].out))
            return dr_fail(DR_EINVAL, "'%s': \"%s\" is missing or not an object", where, parts[i].key);
    }
    dr_status st = parse_dtype(a->root, where, &a->dtype);
    if (!st)
        st = dr_json_string(a->scheduler, where, "class", "PNDMScheduler", &a->scheduler_class);
    if (!st)
        st = dr_json_string(a->root, where, "pad_token", "!", &a->pad_token);
    return st ? st : dr_json_int(a->root, where, "seed", 0, 0, INT64_MAX, &a->seed);
}

dr_status dr_arch_load(dr_arch *a, const char *name)
{
    size_t n = strlen(name), i = 0;
    dr_status st;
    *a = (dr_arch){0};
    while (dr_arch_names[i] && strcmp(name, dr_arch_names[i]) != 0)
        i++;
    if (dr_arch_names[i])
        st = dr_json_parse(texts[i], strlen(texts[i]), name, &a->root);
    else if (n > 5 && strcmp(name + n - 5, ".json") == 0)
        st = dr_json_load(name, &a->root);
    else
        return dr_fail(DR_EINVAL, "unknown architecture '%s'; known are %s, %s and a file NAME.json", name,
                       dr_arch_names[0], dr_arch_names[1]);
    if (!st)
        st = parse(a, name);
    if (st)
        dr_arch_clear(a);
    return st;
}

void dr_arch_clear(dr_arch *a)
{
    json_decref(a->root);
    *a = (dr_arch){0};
}
