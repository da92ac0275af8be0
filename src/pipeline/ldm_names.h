/* The names of tensors in a single file (LDM's, CompVis 2022; OpenCLIP's for SD 2's text encoder) for those of a
 * diffusers folder, which are the names in our tables of parameters.
 *
 * Only in this direction: both reading and writing start from the table, which has every tensor with its shape. So
 * nothing is guessed from a file's names, and the flat names of model_ema., whose dots cannot be put back, need no
 * other way. Nothing is transposed anywhere.
 *
 * Details that have caused bugs: `input_blocks.1` is the start of `input_blocks.10`; LDM counts the UNet's output
 * blocks from the coarsest level, as diffusers, but the VAE's decoder from full resolution; an upsampler is the second
 * module of a block without attention and the third of one with; the VAE's attention is of 1x1 convolutions [C,C,1,1];
 * in_proj_* hold q, k and v on top of each other. */
#ifndef DR_PIPELINE_LDM_NAMES_H
#define DR_PIPELINE_LDM_NAMES_H

#include "models/unet.h"

#define DR_LDM_NAME_MAX 256

#define DR_LDM_UNET "model.diffusion_model."
#define DR_LDM_VAE "first_stage_model."
#define DR_LDM_CLIP "cond_stage_model.transformer.text_model."
#define DR_LDM_OPENCLIP "cond_stage_model.model."
#define DR_LDM_EMA "model_ema."

/** The UNet's, behind DR_LDM_UNET. False for a name that the UNet has not. */
bool dr_ldm_unet_name(char out[DR_LDM_NAME_MAX], const char *name, const dr_unet_config *c);

/** The VAE's, behind DR_LDM_VAE; `levels` of the decoder. */
bool dr_ldm_vae_name(char out[DR_LDM_NAME_MAX], const char *name, int levels);

/** The same name with one of diffusers' older words for the attention's projections; false for other tensors. */
bool dr_ldm_vae_old_name(char out[DR_LDM_NAME_MAX], const char *name);

/** Whether a tensor is one of the attention's matrices, [C,C] in a folder and [C,C,1,1] in a single file. */
bool dr_ldm_vae_is_matrix(const char *name);

/** OpenCLIP's, behind DR_LDM_OPENCLIP, of transformers' without `text_model.`. `*third` is which part of in_proj_* it
 * is (q 0, k 1, v 2), -1 for a whole tensor. */
bool dr_ldm_openclip_name(char out[DR_LDM_NAME_MAX], const char *name, int *third);

/** The flat name in model_ema. of a tensor behind DR_LDM_UNET: without "model." and any dot. */
bool dr_ldm_ema_name(char out[DR_LDM_NAME_MAX], const char *ldm);

#endif
