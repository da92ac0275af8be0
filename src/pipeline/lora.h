/* Low-rank adapters: W += scale · alpha / rank · up · down, merged into a model's weights.
 *
 * Hu et al. 2021, arXiv:2106.09685. Files of all common makers are read:
 *
 *   diffusers, peft   unet.LAYER.lora_A.weight / .lora_B.weight, text_encoder.LAYER...; base_model.model.LAYER...;
 *                     .lora.down / .lora.up, .lora_linear_layer.down / .up
 *   old diffusers     unet...attn1.processor.to_q_lora.down.weight
 *   kohya             lora_unet_LAYER_WITH_UNDERSCORES.lora_down.weight / .lora_up.weight / .alpha, lora_te_...
 *
 * Alpha comes from an `.alpha` tensor, else from `lora_adapter_metadata` in the file, else from an
 * adapter_config.json beside it (peft; see lora_settings.h), else it is the rank. */
#ifndef DR_PIPELINE_LORA_H
#define DR_PIPELINE_LORA_H

#include "io/safetensors.h"
#include "nn/params.h"

typedef struct dr_lora_module {
    const char *layer;  /* as in the table without ".weight"; with underscores for dots when `kohya` */
    const char *module; /* the layer as the file names it */
    const char *key;    /* a tensor of it in the file, for messages */
    bool text, kohya;
    const dr_st_entry *down, *up, *alpha; /* [rank,in(,kh,kw)], [out,rank(,1,1)], scalar or NULL */
    double scale;                         /* alpha / rank, or alpha / sqrt(rank) for rank-stabilised ones */
} dr_lora_module;

typedef struct dr_lora {
    dr_safetensors file;
    dr_arena names;
    dr_lora_module *module; /* sorted by model and layer */
    size_t count, unet_count, text_count;
    char note[512]; /* what is left out of the file or doubtful about it, one sentence; "" when there is nothing */
} dr_lora;

/** Reads a LoRA file and pairs its tensors. `path` may be a folder with one such file in it. Tensors that are no LoRA
 *  tensors are DR_EINVAL, naming the first; variants that mean other sums (DoRA, LoHa, LoKr, ...) are DR_EUNSUPPORTED,
 *  by their names. */
dr_status dr_lora_open(dr_lora *l, const char *path);

/** Safe on a zeroed struct. */
void dr_lora_close(dr_lora *l);

/**
 * Merges into the parameters of a UNet, a text encoder or both; several adapters add up.
 *
 * Parameters that change get f32 storage of their own. All layers are checked before the first one changes.
 *
 * @param unet, text  a table with its weights loaded; NULL: leave that model's part out
 * @return DR_EINVAL for a layer that the model does not have or of another size, naming it and the file
 */
dr_status dr_lora_apply(const dr_lora *l, dr_params *unet, dr_params *text, double scale);

#endif
