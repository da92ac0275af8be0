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
#include "pipeline/weights.h"

/* Zero-initialised means not loaded. */
typedef struct dr_parser {
    bool loaded, is_segformer;
    union {
        dr_segformer segformer;
        dr_clothes_net clothes_net;
    } net;
    dr_params params;
    dr_weights files;
    int width, height;      /* what the photo is resized to; 0: keeps its shape (clothes_net) */
    float mean[3], std[3];  /* of pixels in [0,1] */
    uint8_t label[256];     /* the model's class -> dr_label, from id2label by name */
} dr_parser;

/** DR_EINVAL for a folder that is no parser or whose labels are not the 18 above; after a failure as before. */
dr_status dr_parser_load(dr_parser *m, const char *dir);
void dr_parser_unload(dr_parser *m);

/** The label of every pixel. photo: 3 channels, any size; labels: 1 channel, the photo's size, values below
 *  DR_LABELS, allocated here. `cancelled` is asked between ops and may be NULL. */
dr_status dr_parser_run(dr_parser *m, const dr_image *photo, bool (*cancelled)(void *user), void *user,
                        dr_image *labels);

#endif
