/* Architectures for `drape init`: the published configs by name, or a JSON file in the same form.
 *
 *   {"unet": {...}, "vae": {...}, "text_encoder": {...}, "scheduler": {"class": "PNDMScheduler", ...},
 *    "dtype": "float16", "pad_token": "!", "seed": 0}
 *
 * The keys of each part are those of diffusers' and transformers' config files. */
#ifndef DR_PIPELINE_ARCH_H
#define DR_PIPELINE_ARCH_H

#include "base/json.h"
#include "tensor/tensor.h"

typedef struct dr_arch {
    json_t *root;
    const json_t *unet, *vae, *text_encoder, *scheduler; /* objects in root */
    const char *scheduler_class, *pad_token;             /* borrowed from root */
    dr_dtype dtype;
    int64_t seed;
} dr_arch;

/** `name` is one of dr_arch_names, or the path of a file that ends in .json. */
dr_status dr_arch_load(dr_arch *a, const char *name);
void dr_arch_clear(dr_arch *a);

/** Names of the built-in architectures; ends with NULL. */
extern const char *const dr_arch_names[];

#endif
