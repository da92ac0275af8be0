/* Where a model comes from: an opened source answers what its parts are, and nobody above builds a path inside one.
 *
 * Two kinds: a diffusers pipeline folder (pipeline/folder.h), and a single file (pipeline/single_file.h), whose
 * tokenizer is CLIP's own. Parts have diffusers' names: "unet", "unet_base" (train/distilled.h), "vae", "text_encoder",
 * "tokenizer", "scheduler". A folder or file can also be one part alone: a clothes parser, or a VAE. */
#ifndef DR_PIPELINE_SOURCE_H
#define DR_PIPELINE_SOURCE_H

#include "base/json.h"
#include "diffusion/schedule.h"
#include "models/tokenizer.h"
#include "pipeline/weights.h"

#include <limits.h>

typedef struct dr_source dr_source;

/* Zero-initialised is a whole pipeline as it is. */
typedef struct dr_source_options {
    bool unchecked;        /* a folder that need not be a whole pipeline, such as a checkpoint: what is asked for shows
                              what is missing */
    const char *alone;     /* the one part that it is: "parser", "vae" */
    const char *tokenizer; /* folder of another vocabulary (or a pipeline folder that has one); NULL: the model's own */
    const char *vae;       /* another VAE: its folder, a pipeline folder, or a file; NULL: the model's own */
    bool ema;              /* of a single file: the UNet's moving average in place of its weights */
} dr_source_options;

/** Opens the model at `path`, and says what is wrong with it before anything is loaded. Neither weights nor what the
 *  configs say is looked at. `o` may be NULL. */
dr_status dr_source_open(dr_source **out, const char *path, const dr_source_options *o);
/** Whatever was loaded from it must be let go before. Safe on NULL. */
void dr_source_close(dr_source *s);

/** As it was given, for messages. */
const char *dr_source_path(const dr_source *s);
/** "SD 1.x inpainting" and so on for a single file; NULL for a folder. */
const char *dr_source_family(const dr_source *s);
/** What was passed over in its files, one sentence; "" when there was nothing. */
const char *dr_source_note(const dr_source *s);
/** Where a part lies, for messages; cut off where it does not fit. */
const char *dr_source_where(const dr_source *s, const char *part, char *out, size_t n);

/** Whether there is such a part. */
bool dr_source_has(const dr_source *s, const char *part);

/** The config of a part, yours; "processor" is a parser's preprocessor_config.json. `where` is its place for messages.
 */
dr_status dr_source_config(const dr_source *s, const char *part, json_t **out, char where[PATH_MAX]);
/** The tensors of a part. After a failure *out is closed. */
dr_status dr_source_tensors(const dr_source *s, const char *part, dr_weights *out);
/** A config that names no class is of the pipeline's. */
dr_status dr_source_schedule(const dr_source *s, dr_schedule *out);
dr_status dr_source_tokenizer(const dr_source *s, dr_tokenizer **out);
/** What to do about a tokenizer that is not the model's: "; ..." for the end of a message, or "". */
const char *dr_source_tokenizer_hint(const dr_source *s);

/** Writes one part into a pipeline folder that has it not yet: its configs or vocabulary, with `weights` also the
 *  tensors, never as pickles. */
dr_status dr_source_copy(const dr_source *s, const char *part, const char *to, bool weights);

#endif
