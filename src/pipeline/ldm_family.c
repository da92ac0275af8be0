#include "pipeline/ldm_family.h"

#include "pipeline/ldm_names.h"

#include <string.h>

typedef struct sign {
    const char *text; /* a name begins with it, or has it in it */
    const char *what;
    bool anywhere;
} sign;

/* Parts that a Stable Diffusion 1 or 2 never has, whatever else is there; the first that fits counts. */
static const sign foreign[] = {
    {"control_model.", "a ControlNet with its model in one file"},
    {"conditioner.embedders.1.", "a Stable Diffusion XL checkpoint"},
    {"model.diffusion_model.label_emb.", "a model with classes or sizes as conditions, as Stable Diffusion XL, its "
                                         "refiner and unCLIP"},
    {"model.diffusion_model.joint_blocks.", "a Stable Diffusion 3 checkpoint"},
    {"model.diffusion_model.double_blocks.", "a Flux checkpoint"},
    {"double_blocks.", "a Flux model"},
    {"model.diffusion_model.down_blocks.", "a checkpoint of another kind, with Stable Cascade's names"},
    {"depth_model.", "a depth-guided model"},
    {"embedder.model.", "an unCLIP model"},
    {"model.diffusion_model.input_hint_block.", "a ControlNet"},
    {"model.diffusion_model.input_blocks.0.0.temporal", "a video model"},
    {".time_stack.", "a video model", true},
    {".time_mixer.", "a video model", true},
};

/* What a file without a UNet under LDM's names may be. */
static const sign others[] = {
    {"input_hint_block.", "a ControlNet"},
    {"controlnet_cond_embedding.", "a ControlNet"},
    {"controlnet_down_blocks.", "a ControlNet"},
    {"lora_unet_", "a LoRA"},
    {"lora_te", "a LoRA"},
    {".lora_A.", "a LoRA", true},
    {".lora_up.", "a LoRA", true},
    {".lora_down.", "a LoRA", true},
    {".lora.up.", "a LoRA", true},
    {"_lora.up.", "a LoRA", true},
    {".hada_w", "a LoHa", true},
    {".lokr_w", "a LoKr", true},
    {"emb_params", "an embedding (textual inversion)"},
    {"string_to_param", "an embedding (textual inversion)"},
    {"string_to_token", "an embedding (textual inversion)"},
    {"clip_l", "an embedding (textual inversion) for Stable Diffusion XL"},
    {"clip_g", "an embedding (textual inversion) for Stable Diffusion XL"},
    {"first_stage_model.encoder.", "a VAE alone"},
    {"encoder.down.", "a VAE alone"},
    {"decoder.up.", "a VAE alone"},
    {"encoder.down_blocks.", "the VAE of a pipeline folder"},
    {"decoder.up_blocks.", "the VAE of a pipeline folder"},
    {"down_blocks.", "the UNet of a pipeline folder"},
    {"up_blocks.", "the UNet of a pipeline folder"},
    {"input_blocks.", "a UNet alone"},
    {"text_model.", "a text encoder alone"},
    {"encoder.layers.", "a text encoder alone"},
    {"cond_stage_model.", "a text encoder alone"},
    {"vision_model.", "a picture encoder"},
    {"decode_head.", "a parser of pictures"},
    {"body.0.rdb1.", "an upscaler"},
    {"conv_first.", "an upscaler"},
    {"model.0.weight", "an upscaler"},
};

static const dr_st_entry *find_sign(const dr_tensor_file *f, const sign *s)
{
    for (size_t i = 0; i < f->count; i++) {
        const char *name = f->entry[i].name;
        if (s->anywhere ? strstr(name, s->text) != NULL : strncmp(name, s->text, strlen(s->text)) == 0)
            return &f->entry[i];
    }
    return NULL;
}

/* Checked in this order: a LoRA's names, too, may begin as a model's. */
static dr_status refuse_any(const dr_tensor_file *f, const sign *signs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const dr_st_entry *e = find_sign(f, &signs[i]);
        if (e)
            return dr_fail(
                DR_EUNSUPPORTED,
                "cannot load the model '%s': it is %s ('%.200s'); a whole Stable Diffusion 1 or 2 checkpoint "
                "is wanted",
                f->path, signs[i].what, e->name);
    }
    return DR_OK;
}
#define REFUSE_ANY(f, signs) refuse_any(f, signs, sizeof signs / sizeof *signs)

dr_status dr_ldm_family_check(const dr_tensor_file *f, bool ema)
{
    char flat[DR_LDM_NAME_MAX];
    const char *plain = DR_LDM_UNET "input_blocks.0.0.weight";
    dr_ldm_ema_name(flat, "input_blocks.0.0.weight");
    dr_status st = REFUSE_ANY(f, foreign);
    if (st)
        return st;
    bool has_ema = dr_tensor_file_find(f, flat) != NULL, has_plain = dr_tensor_file_find(f, plain) != NULL;
    if (ema ? has_ema : has_plain)
        return DR_OK;
    if (ema && has_plain)
        return dr_fail(DR_EINVAL,
                       "cannot load the model '%s': it has no moving average of its UNet (no '%s'); leave out --ema",
                       f->path, flat);
    if (has_ema)
        return dr_fail(DR_EINVAL, "cannot load the model '%s': of its UNet it has the moving average alone; pass --ema",
                       f->path);
    st = REFUSE_ANY(f, others);
    if (st)
        return st;
    if (f->count == 0)
        return dr_fail(DR_EINVAL, "cannot load the model '%s': there is no tensor in it", f->path);
    return dr_fail(DR_EINVAL,
                   "cannot load the model '%s': it is no Stable Diffusion checkpoint: of its %zu tensors none is '%s', "
                   "the first is '%.200s'",
                   f->path, f->count, plain, f->entry[0].name);
}

dr_status dr_ldm_channels_check(const dr_tensor_file *f, int64_t channels)
{
    static const struct {
        int64_t channels;
        const char *what;
    } known[] = {{8, "an instruct-pix2pix model"}, {5, "a depth-guided model"}, {7, "an upscaler"}};
    if (channels == 9 || channels == 4)
        return DR_OK;
    const char *what = "no Stable Diffusion model that drape knows";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].channels == channels)
            what = known[i].what;
    return dr_fail(DR_EUNSUPPORTED,
                   "cannot load the model '%s': its UNet takes %lld channels, so it is %s; 9 (inpainting) or 4 "
                   "(text-to-image) are wanted",
                   f->path, (long long)channels, what);
}
