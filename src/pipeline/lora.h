/* Adapters: small files that change a model's weights, W += scale · what the file says, merged as the model is loaded.
 *
 * Files of all common makers are read:
 *
 *   diffusers, peft   unet.LAYER.lora_A.weight / .lora_B.weight, text_encoder.LAYER...; base_model.model.LAYER...;
 *                     .lora.down / .lora.up, .lora_linear_layer.down / .up; .lora_magnitude_vector
 *   old diffusers     unet...attn1.processor.to_q_lora.down.weight
 *   kohya             lora_unet_LAYER_WITH_UNDERSCORES.lora_down.weight / .lora_up.weight / .alpha, lora_te_...
 *   ComfyUI           diffusion_model.LAYER with LDM's names of layers, as in single files (ldm_names.h)
 *   LyCORIS           the same layers with .lora_mid.weight, .hada_*, .lokr_*, .diff, .diff_b, .dora_scale
 *
 * and these methods (formulas and sources: docs/formats.md):
 *
 *   LoRA, LoCon       up · down, Hu et al. 2021, arXiv:2106.09685; with lora_mid a Tucker decomposition
 *   LoHa              (w1a · w1b) ⊙ (w2a · w2b), Hyeon-Woo et al. 2022, arXiv:2108.06098
 *   LoKr              w1 ⊗ w2, Yeh et al. 2024, arXiv:2309.14859; both whole or as products
 *   full              differences of weights and biases, as they are
 *   DoRA              on top of the first three: the sum's rows or columns get a norm of their own, Liu et al. 2024,
 *                     arXiv:2402.09353
 *
 * Alpha comes from an `.alpha` tensor, else from `lora_adapter_metadata` in the file, else from an
 * adapter_config.json beside it (peft; see lora_settings.h), else it is the rank. */
#ifndef DR_PIPELINE_LORA_H
#define DR_PIPELINE_LORA_H

#include "io/tensor_file.h"
#include "nn/params.h"

/* What a tensor is to its layer. The order is that of the methods. */
typedef enum dr_lora_role {
    DR_LORA_DOWN, /* [rank,in(,kh,kw)] */
    DR_LORA_UP,   /* [out,rank(,1,1)] */
    DR_LORA_MID,  /* [rank,rank,kh,kw]; down is [rank,in(,1,1)] then */
    DR_LOHA_W1_A, /* [out,rank]; with t1 [rank,out] */
    DR_LOHA_W1_B, /* [rank,in*kh*kw]; with t1 [rank,in] */
    DR_LOHA_W2_A,
    DR_LOHA_W2_B,
    DR_LOHA_T1, /* [rank,rank,kh,kw] */
    DR_LOHA_T2,
    DR_LOKR_W1,   /* [a,c]: out is a*b, in is c*d */
    DR_LOKR_W1_A, /* [a,rank] */
    DR_LOKR_W1_B, /* [rank,c] */
    DR_LOKR_W2,   /* [b,d(,kh,kw)] */
    DR_LOKR_W2_A, /* [b,rank]; with t2 [rank,b] */
    DR_LOKR_W2_B, /* [rank,d*kh*kw]; with t2 [rank,d] */
    DR_LOKR_T2,   /* [rank,rank,kh,kw] */
    DR_FULL_DIFF, /* as the weight */
    DR_FULL_BIAS, /* as the bias */
    DR_LORA_ALPHA,
    DR_LORA_DORA,      /* norms as LyCORIS has them: [out,1(,1,1)] of rows or [1,in(,1,1)] of columns */
    DR_LORA_MAGNITUDE, /* norms as peft has them: [out], or [1,out,1,1] */
    DR_LORA_ROLES
} dr_lora_role;

typedef enum dr_lora_method { DR_METHOD_LORA, DR_METHOD_LOHA, DR_METHOD_LOKR, DR_METHOD_FULL } dr_lora_method;

typedef struct dr_lora_module {
    const char *layer;  /* as in the table without ".weight"; with underscores for dots when `kohya` */
    const char *module; /* the layer as the file names it */
    const char *key;    /* a tensor of it in the file, for messages */
    bool text, kohya;
    bool open_clip; /* the name is OpenCLIP's */
    int third;      /* of OpenCLIP's in_proj, whose rows are q, k and v one below the other; -1: none */
    const dr_st_entry *part[DR_LORA_ROLES]; /* NULL: not there */
    dr_lora_method method;
    int64_t rank; /* 0: the method has none here (full, LoKr with both factors whole) */
    double scale; /* alpha / rank, or alpha / sqrt(rank) for rank-stabilised ones; 1 without a rank */
} dr_lora_module;

typedef struct dr_lora {
    dr_tensor_file file;
    dr_arena names;
    dr_lora_module *module; /* sorted by model and layer */
    size_t count, unet_count, text_count;
    bool has_words; /* embeddings lie in the same file: learned_words.h */
    char note[512]; /* what is left out of the file or doubtful about it, one sentence; "" when there is nothing */
} dr_lora;

/** Reads an adapter and puts its tensors together by layers. `path` may be a folder with one such file in it. Tensors
 *  that are none of an adapter's are DR_EINVAL, naming the first; methods that are not read (OFT, IA3, GLoRA, ...) are
 *  DR_EUNSUPPORTED, by their names. */
dr_status dr_lora_open(dr_lora *l, const char *path);

/** Safe on a zeroed struct. */
void dr_lora_close(dr_lora *l);

/**
 * Merges into the parameters of a UNet, a text encoder or both; several adapters one after the other.
 *
 * `scale` multiplies what is added to the weights. With peft's DoRA it multiplies the low-rank product alone, as peft
 * does; with LyCORIS' it goes from the weights (0) to the whole of the DoRA (1) on a straight line, as in AUTOMATIC1111
 * and ComfyUI. Parameters that change get f32 storage of their own. All layers are checked before the first one
 * changes.
 *
 * @param unet, text  a table with its weights loaded; NULL: leave that model's part out
 * @return DR_EINVAL for a layer that the model does not have or of another size, naming it and the file
 */
dr_status dr_lora_apply(const dr_lora *l, dr_params *unet, dr_params *text, double scale);

#endif
