/* A single file, as model sites have them (LDM's names, .safetensors or .ckpt), as the parts of a diffusers pipeline
 * folder: Stable Diffusion 1 and 2, for inpainting (9 channels) and text-to-image (4).
 *
 *   NAME.safetensors or .ckpt
 *   NAME.yaml                        LDM's training config, if it is there: heads, schedule, what is predicted
 *   NAME.vae.safetensors, .pt, .ckpt replaces the VAE, if it is there
 *
 * A folder's parts have the tensors of the models' own tables (models/unet.h and so on); each is looked up in the file
 * under its LDM name (ldm_names.h), so nothing of the file is believed: a part has exactly what its table says, with
 * the table's shapes. Values stay where they are: no tensor of Stable Diffusion has to be rearranged.
 *
 * Tokenizer and feature extractor are not in such files. */
#ifndef DR_PIPELINE_SINGLE_FILE_H
#define DR_PIPELINE_SINGLE_FILE_H

#include "base/json.h"
#include "io/tensor_file.h"

/* Metadata of the files that drape writes: the folder's configs by part ({"unet": {...}, ...}) and "text_prefix", so
 * that what a single file cannot say comes back. */
#define DR_SINGLE_CONFIG "drape.config"

typedef struct dr_single_file dr_single_file;

typedef struct dr_single_options {
    bool ema;        /* the UNet's moving average in place of its weights */
    const char *vae; /* the VAE's file in place of the one that is in the file or beside it; NULL: no other */
    bool no_vae;     /* leave the VAE out, whatever there is */
} dr_single_options;

/** Whether `path` is a file at all, not a folder. */
bool dr_single_file_is(const char *path);

/**
 * Opens a file with what belongs to it, and checks that all its parts are whole.
 *
 * @param o  may be NULL
 * @return DR_EUNSUPPORTED for models and files of other kinds, saying what it is; DR_EINVAL for a missing or misshapen
 *         tensor, naming it, and for a .yaml that is of another model
 */
dr_status dr_single_open(dr_single_file **out, const char *path, const dr_single_options *o);

/** A VAE's file alone, under LDM's names with or without their prefix, or under diffusers' names: the part "vae". */
dr_status dr_single_open_vae(dr_single_file **out, const char *path);

/** Safe on NULL. */
void dr_single_close(dr_single_file *f);

/** "SD 1.x inpainting", "SD 2.x inpainting", "SD 1.x text-to-image", "SD 2.x text-to-image"; "VAE". */
const char *dr_single_family(const dr_single_file *f);

/** What was passed over in the file, one sentence; "" when there was nothing. */
const char *dr_single_note(const dr_single_file *f);

/** The padding token that goes with the text encoder. */
const char *dr_single_pad_token(const dr_single_file *f);

/** The config of the equal folder: `part` is "unet", "vae", "text_encoder", "scheduler" (its scheduler_config.json) or
 *  "model_index.json". New reference. DR_ENOENT for a part that the file has not. */
dr_status dr_single_config(const dr_single_file *f, const char *part, json_t **out);

/** The tensors of "unet", "vae" or "text_encoder" under the names that diffusers and transformers (from 5.6 on) write,
 *  sorted by name; borrowed. DR_ENOENT for a part that the file has not. */
dr_status dr_single_part(const dr_single_file *f, const char *part, const dr_st_entry **entry, size_t *count);

#endif
