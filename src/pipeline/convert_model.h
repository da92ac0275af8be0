/* A model opened to be converted: its parts' configs and tensors in the order of our tables. For convert*.c and
 * lora_extract.c only. */
#ifndef DR_PIPELINE_CONVERT_MODEL_H
#define DR_PIPELINE_CONVERT_MODEL_H

#include "models/clip_text.h"
#include "models/unet.h"
#include "models/vae.h"
#include "pipeline/convert.h"
#include "pipeline/lora.h"
#include "pipeline/source.h"

enum { DR_CONVERT_UNET, DR_CONVERT_VAE, DR_CONVERT_TEXT, DR_CONVERT_BASE, DR_CONVERT_PARTS };

typedef struct dr_convert_adapter {
    dr_lora lora;
    dr_param **target; /* [lora.count]: the weight that each layer is of; NULL: none in this part */
} dr_convert_adapter;

typedef struct dr_convert_part {
    const char *name; /* "unet"; NULL: there is no such part */
    json_t *config;
    dr_params table;           /* names and shapes */
    const dr_st_entry **entry; /* [table.count], in its order */
    dr_weights weights;        /* where they lie */
    const char *prefix;        /* of the names where they came from: "text_model." or "" */
    dr_convert_adapter *lora;  /* [loras], opened while adapters are merged; see below */
    int loras;
} dr_convert_part;

typedef struct dr_convert_model {
    dr_source *source;
    dr_convert_part part[DR_CONVERT_PARTS];
    json_t *scheduler;
    dr_unet_config unet;
    dr_vae_config vae;
    dr_clip_config text;
} dr_convert_model;

/** The options' `ema`, `vae`, `tokenizer`, `note` count. After a failure *m is closed. */
dr_status dr_convert_model_open(dr_convert_model *m, const char *path, const dr_convert_options *o);
/** Safe on a zeroed struct. */
void dr_convert_model_close(dr_convert_model *m);

/** Opens the options' adapters for a part and gives its table values; refuses what does not fit. Nothing to do without
 *  adapters, or for the VAE. */
dr_status dr_convert_merge_begin(dr_convert_part *p, const dr_convert_options *o);
/** Merges all that the adapters say of parameter `q`; *changed when it was anything. One
 *  after the other: its values are gone with dr_convert_merge_undo(). */
dr_status dr_convert_merge_into(dr_convert_part *p, const dr_convert_options *o, dr_param *q, bool *changed);
dr_status dr_convert_merge_undo(dr_convert_part *p, const dr_param *q);
/** Safe when nothing was begun. */
void dr_convert_merge_end(dr_convert_part *p);

/** Tells a note through the options. */
void dr_convert_note(const dr_convert_options *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
