/* The self-attention weights of a model that dresses from a photo of a garment.
 *
 * Chong et al. 2024, arXiv:2407.15886 ("CatVTON"): an inpainting UNet sees person and garment one above the other, and
 * of its weights only the self-attention is trained. The published file numbers what it has in a list of the UNet's
 * modules whose name contains `attn1`, eight of them to a layer (the attention itself, to_q, to_k, to_v, to_out,
 * to_out.0, to_out.1, its processor), so that layer i's tensors are
 *
 *   8i.to_q.weight [C,C], 8i.to_k.weight, 8i.to_v.weight, 8i.to_out.0.weight [C,C], 8i.to_out.0.bias [C]
 *
 * Details that have caused bugs: the layers are in the order in which diffusers registers a UNet's blocks: down, UP,
 * mid; the published loader passes over whatever it does not find, so that a wrong file gives pictures, only bad ones.
 */
#ifndef DR_PIPELINE_GARMENT_ATTENTION_H
#define DR_PIPELINE_GARMENT_ATTENTION_H

#include "io/tensor_file.h"
#include "models/unet.h"

#include <limits.h>

typedef struct dr_garment_attention {
    dr_tensor_file file;
    char path[PATH_MAX]; /* of the file */
    char version[64];    /* the folder's name that it lies in, "mix-48k-1024"; "" where there is none */
    int width, height;   /* of pictures that it was trained on, pixels; 0 where neither file nor folder says it */
} dr_garment_attention;

/** Whether a folder has such weights under their published name; then `out` is the file. */
bool dr_garment_attention_in(const char *dir, char out[PATH_MAX]);

/** Those that lie in a model's folder: attention/model.safetensors, or VERSION/attention/model.safetensors (also below
 *  CatVTON/) where there is one version. `out` is the file. */
dr_status dr_garment_attention_find(const char *model, char out[PATH_MAX]);

/** The folder whose UNet dresses from a photo, and its attention weights: `model` itself, or garment/ in it, which a
 * model that reads prompts may bring along for that (without a VAE it takes the model's). Errors as above. */
dr_status dr_garment_model_find(const char *model, char dir[PATH_MAX], char attention[PATH_MAX]);

/* What a model brings for dressing from photos. */
typedef struct dr_garment_model {
    char dir[PATH_MAX], attention[PATH_MAX]; /* as dr_garment_model_find(); "" where it brings none */
    char parent[PATH_MAX];
} dr_garment_model;

/** As dr_garment_model_find(), and `path`, the model's, becomes the folder of what is found. It may do with the VAE of
 * the model that brought it: then `vae`, unless one is given, becomes that model's folder. Both point into `m`. */
dr_status dr_garment_model_take(dr_garment_model *m, const char **path, const char **vae);

/** Whether an opened file is such a file, by its tensors' names. */
bool dr_garment_attention_is(const dr_tensor_file *f);

/** `path` is the file, the folder that it lies in, or that one's folder (VERSION/attention/model.safetensors). After a
 *  failure there is nothing to close. Not to be moved in memory. */
dr_status dr_garment_attention_open(dr_garment_attention *a, const char *path);
void dr_garment_attention_close(dr_garment_attention *a);

/** Whether the file is for this UNet, of which the parameters are declared: DR_EINVAL names the tensor that is missing,
 *  has no place, or has another shape. `base` is the UNet's model, for messages. */
dr_status dr_garment_attention_check(const dr_garment_attention *a, const dr_unet *u, const char *base);

/** Puts the weights in the place of the UNet's own; it must be checked, and the file stay open as long. */
dr_status dr_garment_attention_apply(const dr_garment_attention *a, const dr_unet *u, dr_params *p);

/** Writes such a file of a UNet's self-attention, which must be f32 (asserted), with the size of the pictures that it
 * was trained on. It appears complete or not at all. */
dr_status dr_garment_attention_save(dr_unet *u, const char *path, int width, int height);

#endif
