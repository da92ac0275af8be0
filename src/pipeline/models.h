/* A pipeline's models, each loaded by itself and let go by itself: a try-on holds one at a time. */
#ifndef DR_PIPELINE_MODELS_H
#define DR_PIPELINE_MODELS_H

#include "models/clip_text.h"
#include "models/unet.h"
#include "models/vae.h"
#include "pipeline/source.h"

/* Zero-initialised means not loaded; `params` and `files` belong together. */
typedef struct dr_text_model {
    dr_clip_text net;
    dr_params params;
    dr_weights files;
    bool loaded;
} dr_text_model;

typedef struct dr_vae_model {
    dr_vae net;
    dr_params params;
    dr_weights files;
    bool loaded;
} dr_vae_model;

typedef struct dr_unet_model {
    dr_unet net;
    dr_params params;
    dr_weights files;
    bool loaded;
} dr_unet_model;

/* What a model is in a source: one row serves whoever loads it, counts it, or asks what it is. */
typedef struct dr_model_row {
    const char *part; /* of a pipeline */
    bool trusted;     /* its weights are not searched for NaN */
    /* checks the part's config.json into a dr_..._config; NULL: init() takes it as it is, a dr_model_json */
    dr_status (*config)(void *config, const json_t *j, const char *where);
    dr_status (*init)(void *net, const void *config, dr_params *p); /* declares all parameters */
    const char *optional; /* parameters with this in their name may be missing; or NULL */
} dr_model_row;

typedef struct dr_model_json {
    const json_t *root;
    const char *where;
} dr_model_json;

extern const dr_model_row dr_text_row, dr_vae_row, dr_unet_row;
/* A UNet that is never shown a text: what its cross-attention would be is not needed. */
extern const dr_model_row dr_textless_unet_row;

/** The config of `part` read and the parameters declared, without a weight. Clear `p` also after a failure. */
dr_status dr_model_open(const dr_model_row *row, const dr_source *s, const char *part, void *net, dr_params *p);
/** The weights, for declared parameters. Close *files also after a failure, behind the parameters. */
dr_status dr_model_bind(const dr_model_row *row, const dr_source *s, const char *part, dr_params *p, dr_weights *files);

/** Each reads its part's config and binds the part's weights. No-op when loaded. After a failure the
 *  model is as before the call. The source must stay open as long as the model is loaded.
 *
 *  Weights are not searched for NaN here: that would read gigabytes before the first step. Whoever runs the model
 *  looks at its output, where a NaN cannot hide, and names the culprit with dr_params_check(). */
dr_status dr_text_load(dr_text_model *m, const dr_source *s);
dr_status dr_vae_load(dr_vae_model *m, const dr_source *s);
dr_status dr_unet_load(dr_unet_model *m, const dr_source *s);
/** The same for a UNet that is never shown a text. */
dr_status dr_unet_load_textless(dr_unet_model *m, const dr_source *s);
/** The same from another part than "unet". */
dr_status dr_unet_load_part(dr_unet_model *m, const dr_source *s, const char *part);

/** Safe when not loaded. */
void dr_text_unload(dr_text_model *m);
void dr_vae_unload(dr_vae_model *m);
void dr_unet_unload(dr_unet_model *m);

/** The configs alone: cheap, for checks before the long work. */
dr_status dr_text_config(dr_clip_config *c, const dr_source *s);
dr_status dr_vae_config_load(dr_vae_config *c, const dr_source *s);
dr_status dr_unet_config_load(dr_unet_config *c, const dr_source *s);

/** The source's tokenizer, for its text encoder: DR_EINVAL when it has tokens that the encoder has not. */
dr_status dr_tokenizer_open(dr_tokenizer **out, const dr_source *s, const dr_clip_config *text);

/** DR_EINVAL naming the first parameter with a value that is not finite and the file `path`. Reads everything once. */
dr_status dr_params_check(const dr_params *p, const char *path);

/** DR_OK if all n outputs of a model are finite; else what dr_params_check() finds, or a sentence that blames the
 *  sums. `what` is "UNet", `path` where its weights lie. */
dr_status dr_output_check(const float *out, size_t n, const dr_params *p, const char *what, const char *path);

/** Values change (training, LoRA): parameters get f32 storage of their own and are no longer packed for good. */
dr_status dr_params_make_trainable(dr_params *p);

#endif
