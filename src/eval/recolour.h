/* Garments and cloth of another colour. */
#ifndef DR_EVAL_RECOLOUR_H
#define DR_EVAL_RECOLOUR_H

#include "eval/lab.h"
#include "io/image.h"

/** What a garment looks like: of its pixels, by which recolouring shifts them. */
typedef struct dr_look {
    dr_lab mean;
    float deviation; /* of L */
    int64_t pixels;
} dr_look;

/** Of the pixels of `photo` where `map` (1 channel, the same size) is `value`. */
dr_look dr_look_of(const dr_image *photo, const dr_image *map, uint8_t value);
/** Gives these pixels the shade: their folds and their pattern stay, in place of the old mean comes the new one. */
void dr_recolour(dr_image *photo, const dr_image *map, uint8_t value, const dr_look *now, dr_lab shade);
/** Gives them the colours of `cloth` (the photo's size) at the same place, with the photo's folds. */
void dr_recloth(dr_image *photo, const dr_image *map, uint8_t value, const dr_look *now, const dr_image *cloth);

#endif
