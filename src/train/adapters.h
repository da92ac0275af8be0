/* Low-rank adapters on the attention projections: made, trained, written as diffusers writes them.
 *
 * Hu et al. 2021, arXiv:2106.09685. down [rank,in] starts random, up [out,rank] at zero, so that training starts
 * from the model as it is. */
#ifndef DR_TRAIN_ADAPTERS_H
#define DR_TRAIN_ADAPTERS_H

#include "pipeline/models.h"

typedef struct dr_adapters {
    dr_params params; /* names "unet.LAYER.lora_A.weight", "unet.LAYER.lora_B.weight", "text_encoder.text_model...." */
    int rank;
    double alpha;
    bool text;
    bool self_alone;
    char *wardrobe; /* for the file: cloth of what is taught, as text (pipeline/wardrobe.h); NULL: none */
} dr_adapters;

/* Which layers get them. */
typedef struct dr_adapter_layers {
    dr_unet *unet;
    dr_clip_text *text; /* NULL: none of it */
    bool self_alone;    /* the UNet's self-attention and not its cross-attention */
} dr_adapter_layers;

/** Adapters for every attention projection of the UNet and, unless `text` is NULL, of the text encoder; attached to
 *  their layers. The models' own weights stay constant. */
dr_status dr_adapters_make(dr_adapters *a, const dr_adapter_layers *to, int rank, double alpha, uint64_t seed);
void dr_adapters_clear(dr_adapters *a);

/** The table of them alone, without values, attached to the layers; and taken off again. */
dr_status dr_adapters_declare(dr_params *p, const dr_adapter_layers *to, int rank, double alpha);
void dr_adapters_detach(const dr_adapter_layers *to);

/** Calls fn for each projection that gets one, text encoder last. */
void dr_adapters_each(const dr_adapter_layers *to, void (*unet)(void *user, dr_lin *l),
                      void (*text)(void *user, dr_lin *l), void *user);

/** pytorch_lora_weights.safetensors with rank and alpha in the metadata, atomically. */
dr_status dr_adapters_save(const dr_adapters *a, const char *path);
/** The same of a part of a training (learn/training.h); `adapters` are a dr_adapters. */
dr_status dr_adapters_write(const void *adapters, const char *path);
/** Values of a file that dr_adapters_save() wrote for the same layers and rank. */
dr_status dr_adapters_load(dr_adapters *a, const char *path);

#endif
