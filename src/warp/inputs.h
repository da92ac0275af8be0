/* From files to what the networks see of one person and one cloth: read, checked, derived where a file is missing, and
 * brought to the working size, as the published data loader does. */
#ifndef DR_WARP_INPUTS_H
#define DR_WARP_INPUTS_H

#include "io/mask.h"
#include "pipeline/parser.h"
#include "warp/files.h"
#include "warp/human.h"

typedef struct dr_warp_size {
    int width, height;           /* of the result: 768x1024 as published */
    int cond_width, cond_height; /* of the condition generator: 192x256 */
} dr_warp_size;

typedef struct dr_inputs_options {
    dr_warp_size size;
    dr_label_set labels;           /* of label maps in files */
    dr_parser *parser;             /* for photos without a label map; NULL: that is an error */
    bool (*cancelled)(void *user); /* may be NULL */
    void *user;
} dr_inputs_options;

/* All of the working size but photo, parse and hidden, which have the photo's. */
typedef struct dr_warp_inputs {
    dr_image photo, densepose, cloth; /* 3 channels */
    dr_image agnostic;                /* 3 channels: the photo with what the garment may cover grey */
    dr_image cloth_mask;              /* 0 and 255 */
    dr_image parse_agnostic;          /* labels of warp/human.h */
    dr_image hidden;                  /* 255 where the agnostic picture is grey */
} dr_warp_inputs;

/** DR_EINVAL in one sentence about the file that does not fit; nothing is left in *out then. */
dr_status dr_inputs_read(dr_warp_inputs *out, const dr_warp_files *f, const dr_inputs_options *o);
void dr_inputs_clear(dr_warp_inputs *in);

/* The same as numbers. */

/** Classes 0 to 12 of the agnostic map, one-hot [cond_height,cond_width,13]: the pixel under each one's corner. */
dr_status dr_inputs_classes(const dr_warp_inputs *in, const dr_warp_size *s, float *out);
/** The cloth's mask as 0 and 1, at the condition generator's size [cond_height,cond_width] in the same way. */
dr_status dr_inputs_cloth_mask(const dr_warp_inputs *in, const dr_warp_size *s, float *out);

#endif
