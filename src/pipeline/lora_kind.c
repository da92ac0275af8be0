#include "pipeline/lora_kind.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

typedef struct kind {
    const char *text, *name;
} kind;

/* Anywhere in a name behind a dot; longer ones first where one contains another. */
static const kind parts[] = {
    {".lokr_t1", "a LoKr with a core in its first factor"},
    {".oft_", "an OFT"},
    {".boft_", "a BOFT"},
    {".on_input", "an IA3"},
    {".ia3_l", "an IA3"},
    {".a1.weight", "a GLoRA"},
    {".b1.weight", "a GLoRA"},
    {".a2.weight", "a GLoRA"},
    {".b2.weight", "a GLoRA"},
    {".vera_lambda", "a VeRA"},
    {".vera_A", "a VeRA"},
    {".lora_E", "an AdaLoRA"},
    {".ranknum", "an AdaLoRA"},
    {".hra_u", "an HRA"},
    {".lora_embedding_", "a LoRA of token embeddings"},
    {".lora_B.bias", "a LoRA with biases"},
    {".lora_up.bias", "a LoRA with biases"},
    {"lora_controlnet", "a Control-LoRA"},
    {"string_to_param", "an embedding (textual inversion)"},
    {"emb_params", "an embedding (textual inversion)"},
};

/* At a name's start. */
static const kind starts[] = {
    {"lora_te2_", "a LoRA for Stable Diffusion XL"},
    {"text_encoder_2.", "a LoRA for Stable Diffusion XL"},
    {"lora_te3_", "a LoRA for Stable Diffusion 3 or Flux"},
    {"lora_transformer_", "a LoRA for a transformer model, as Stable Diffusion 3 or Flux"},
    {"transformer.", "a LoRA for a transformer model, as Stable Diffusion 3 or Flux"},
    {"lora_prior_", "a LoRA for Stable Cascade"},
    {"diffusion_model.double_blocks.", "a LoRA for Flux"},
    {"diffusion_model.joint_blocks.", "a LoRA for Stable Diffusion 3"},
    {"diffusion_model.label_emb.", "a LoRA for Stable Diffusion XL"},
    {"text_encoders.clip_g.", "a LoRA for Stable Diffusion XL"},
    {"text_encoders.t5xxl.", "a LoRA for Stable Diffusion 3 or Flux"},
    {"model.diffusion_model.", "a whole checkpoint"},
    {"cond_stage_model.", "a whole checkpoint"},
    {"first_stage_model.", "a whole checkpoint"},
    {"control_model.", "a ControlNet"},
    {"controlnet_", "a ControlNet"},
};

/* diffusers' and transformers' own weights */
static const char *const whole[] = {"conv_in.weight", "conv_out.weight", "time_embedding.linear_1.weight",
                                    "text_model.embeddings.token_embedding.weight", "encoder.conv_in.weight"};

const char *dr_lora_model_kind(const char *tensor)
{
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(tensor, starts[i].text, strlen(starts[i].text)) == 0)
            return starts[i].name;
    return NULL;
}

const char *dr_lora_kind(const char *tensor)
{
    const char *model = dr_lora_model_kind(tensor);
    if (model)
        return model;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *at = strstr(tensor, parts[i].text);
        const char *end = at ? at + strlen(parts[i].text) : NULL;
        if (at && (end[-1] == '_' || !isalpha((unsigned char)*end))) /* ".oft_", but not ".often" */
            return parts[i].name;
    }
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcmp(tensor, whole[i]) == 0)
            return "a model's own weights";
    return NULL;
}
