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
} dr_adapters;

/** Adapters for every attention projection of the UNet and, unless `text` is NULL, of the text encoder; attached to
 *  their layers. The models' own weights stay constant. */
dr_status dr_adapters_make(dr_adapters *a, dr_unet *unet, dr_clip_text *text, int rank, double alpha, uint64_t seed);
void dr_adapters_clear(dr_adapters *a);

/** pytorch_lora_weights.safetensors with rank and alpha in the metadata, atomically. */
dr_status dr_adapters_save(const dr_adapters *a, const char *path);
/** The same of a part of a training (learn/training.h); `adapters` are a dr_adapters. */
dr_status dr_adapters_write(const void *adapters, const char *path);
/** Values of a file that dr_adapters_save() wrote for the same layers and rank. */
dr_status dr_adapters_load(dr_adapters *a, const char *path);

#endif
