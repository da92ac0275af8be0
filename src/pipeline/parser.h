/* A clothes parser: which garment or body part each pixel of a photo shows.
 *
 * A folder with config.json, model.safetensors and preprocessor_config.json. Two kinds, told by `model_type`:
 * "segformer" (transformers' SegformerForSemanticSegmentation, as mattmdjaga/segformer_b2_clothes) and
 * "drape_clothes_net" (models/clothes_net.h), which is small enough to come with drape. */
#ifndef DR_PIPELINE_PARSER_H
#define DR_PIPELINE_PARSER_H

#include "io/image.h"
#include "io/labels.h"
#include "models/clothes_net.h"
#include "models/segformer.h"
#include "pipeline/parser_labels.h"
#include "pipeline/source.h"

#define DR_PARSER_SIZES 4

/* Zero-initialised means not loaded. */
typedef struct dr_parser {
    bool loaded, is_segformer;
    union {
        dr_segformer segformer;
        dr_clothes_net clothes_net;
    } net;
    dr_params params;
    dr_weights files;
    int width, height;                        /* what the photo is resized to; 0: keeps its shape (clothes_net) */
    int sizes, longest_edge[DR_PARSER_SIZES]; /* of a photo that keeps its shape, pixels, rising; padded to the net's
                                               multiple; logits are the mean over these sizes */
    bool flip_average;                        /* logits are the mean of the photo's and its mirror picture's */
    float scale;                              /* takes a byte to [0,1] */
    float mean[3], std[3];                    /* of pixels in [0,1] */
    int classes;                              /* of the model */
    uint8_t label[256];                       /* class -> dr_label or dr_class, from id2label by name */
    char *unknown;          /* names of classes that are none of ours, "'a', 'b'": background; or NULL */
    dr_precision precision; /* EXACT unless changed after loading */
    dr_source *source;
    const char *dir; /* for messages; borrowed */
} dr_parser;

/** True if `dir` is laid out as a parser: config.json and no model_index.json. */
bool dr_is_parser_folder(const char *dir);

/** No-op when loaded. DR_EINVAL for a folder that is no parser, whose labels have no background or no garment by name
 *  (pipeline/parser_labels.h), or with
 *  weights that are not finite; after a failure as before. Files beside the three are not looked at. */
dr_status dr_parser_load(dr_parser *m, const char *dir);
/** The config and the table of parameters alone, without a weight; unload it as well. */
dr_status dr_parser_open(dr_parser *m, const char *dir);
void dr_parser_unload(dr_parser *m);

/** The label of every pixel. photo: 3 channels, any size; labels: 1 channel, the photo's size, values below
 *  DR_LABELS, allocated here. `cancelled` is asked between ops and may be NULL. */
dr_status dr_parser_run(dr_parser *m, const dr_image *photo, bool (*cancelled)(void *user), void *user,
                        dr_image *labels);

/* What the net says before a label is chosen, cell by cell of the largest size. */
typedef struct dr_parser_cells {
    float *logit; /* [height][width][DR_LABELS]; yours to free() */
    int width, height;
    double used_w, used_h; /* cells that the photo covers; right of and below them is padding */
} dr_parser_cells;

/** As dr_parser_run() without the choice, for whoever knows more about the photo than the parser. */
dr_status dr_parser_logits(dr_parser *m, const dr_image *photo, dr_parser_cells *out);

#endif
