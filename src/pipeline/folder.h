/* A diffusers pipeline folder: model_index.json and one folder per part.
 *
 *   model_index.json
 *   unet/          config.json, diffusion_pytorch_model.safetensors
 *   vae/           config.json, diffusion_pytorch_model.safetensors
 *   text_encoder/  config.json, model.safetensors
 *   tokenizer/     vocab.json + merges.txt or tokenizer.json, tokenizer_config.json
 *   scheduler/     scheduler_config.json */
#ifndef DR_PIPELINE_FOLDER_H
#define DR_PIPELINE_FOLDER_H

#include "base/json.h"
#include "models/tokenizer.h"
#include "pipeline/weights.h"

/* What our folders say they are written by: diffusers changes the sizes of folders older than 0.9. */
#define DR_DIFFUSERS_VERSION "0.30.0"

/** Says what is wrong with a folder before anything is loaded: not there, a pipeline of other parts, a part or its
 *  config missing. Neither weights nor what the configs say is looked at. */
dr_status dr_folder_check(const char *dir);

/** Whether `dir` is a model's folder in the hub's cache ("models--ORG--NAME"); then `out` is "; ..." for the end of a
 *  message, which names the snapshot to pass instead. Otherwise `out` is "". */
bool dr_snapshot_hint(const char *dir, char *out, size_t n);

/** What model_index.json says; `channels` of the UNet: 9 is a StableDiffusionInpaintPipeline, 4 a
 *  StableDiffusionPipeline. New reference; NULL when out of memory. */
json_t *dr_folder_index(int channels, const char *scheduler);

/** Writes model_index.json of a StableDiffusionInpaintPipeline; `scheduler` is its class, "PNDMScheduler". */
dr_status dr_folder_write_index(const char *dir, const char *scheduler);

/** Copies the files of a part's folder to another, which is made: *.json and *.txt, with `weights` also *.safetensors
 *  with their indexes. Each file is synced. */
dr_status dr_folder_copy_files(const char *from, const char *to, bool weights);
/** The same for one part of a pipeline folder and another pipeline folder that has it not yet. */
dr_status dr_folder_copy(const char *from, const char *to, const char *part, bool weights);

/** A folder for work in progress, beside `dir` and empty: "DIR.tmp-XXXXXX" in `tmp`. Refuses when `dir` is a file
 *  or has anything in it; makes its parents. */
dr_status dr_folder_begin(char *tmp, size_t n, const char *dir);

/** Renames the finished folder to `dir` and syncs; dr_remove_tree(tmp) instead abandons it. */
dr_status dr_folder_commit(const char *tmp, const char *dir);

/** tokenizer/ of a new folder: CLIP's vocabulary, padding with `pad_token`. `dir` is the pipeline folder. */
dr_status dr_clip_vocab_write(const char *dir, const char *pad_token);
/** The tokenizer that such a folder gives, without one. */
dr_status dr_clip_vocab_open(dr_tokenizer **out, const char *pad_token);

/** Tokens of CLIP's vocabulary. */
#define DR_CLIP_VOCAB 49408

typedef struct dr_init_options {
    const char *arch;              /* a built-in architecture's name, or a JSON file; see pipeline/arch.h */
    dr_dtype dtype;                /* of the weights: F32, F16, BF16; DR_DTYPES: the architecture's */
    int64_t seed;                  /* below 0: the architecture's */
    dr_weights_progress *progress; /* may be NULL; counts values, true stops */
    void *user;
} dr_init_options;
#define DR_INIT_DEFAULTS                                                                                               \
    {                                                                                                                  \
        .arch = "sd2-inpainting", .dtype = DR_DTYPES, .seed = -1                                                       \
    }

/**
 * Makes a pipeline folder with random weights. It appears under its name complete or not at all.
 *
 * @param dir  must not exist, or be an empty folder
 * @return DR_EINVAL for a bad architecture or a `dir` in use, DR_EIO also when the disk has too little room
 */
dr_status dr_pipeline_init_folder(const char *dir, const dr_init_options *o);

#endif
