/* Kinds of sources. Inside pipeline/source*.c only. */
#ifndef DR_PIPELINE_SOURCE_IMPL_H
#define DR_PIPELINE_SOURCE_IMPL_H

#include "pipeline/single_file.h"
#include "pipeline/source.h"

/* One row per kind; as the functions of pipeline/source.h. */
typedef struct dr_source_kind {
    const char *(*where)(const dr_source *s, const char *part, char *out, size_t n);
    bool (*has)(const dr_source *s, const char *part);
    dr_status (*config)(const dr_source *s, const char *part, json_t **out, char where[PATH_MAX]);
    dr_status (*tensors)(const dr_source *s, const char *part, dr_weights *out);
    dr_status (*schedule)(const dr_source *s, dr_schedule *out);
    dr_status (*tokenizer)(const dr_source *s, dr_tokenizer **out);
    dr_status (*copy)(const dr_source *s, const char *part, const char *to, bool weights);
} dr_source_kind;

struct dr_source {
    const dr_source_kind *kind;
    char *path;
    char *alone;            /* the one part that it is, or NULL */
    char *tokenizer;        /* a folder in place of its own, or NULL */
    dr_source *vae;         /* in place of its own, or NULL */
    dr_single_file *single; /* of a single file */
};

/** A part's tensors as a safetensors file, under the part's usual name, in the pipeline folder `to`. */
dr_status dr_source_write_weights(const dr_weights *w, const char *part, const char *to);

extern const dr_source_kind dr_source_folder, dr_source_single;

#endif
