/* Colours as people name them, and garments of another colour. */
#ifndef MINI_COLOUR_H
#define MINI_COLOUR_H

#include "base/rng.h"
#include "eval/lab.h"
#include "io/image.h"

/** The name of the nearest of all colours that have one: "red", "dark blue". */
const char *mini_colour_name(dr_lab c);
/** A named colour and a shade of it, the well-known ones most often. */
const char *mini_colour_draw(dr_rng *r, dr_lab *shade);

/** What a garment looks like: of its pixels, by which recolouring shifts them. */
typedef struct mini_look {
    dr_lab mean;
    float deviation; /* of L */
    int64_t pixels;
} mini_look;

/** Of the pixels of `photo` where `map` (1 channel, the same size) is `value`. */
mini_look mini_look_of(const dr_image *photo, const dr_image *map, uint8_t value);
/** Gives these pixels the shade: their folds and their pattern stay, in place of the old mean comes the new one. */
void mini_recolour(dr_image *photo, const dr_image *map, uint8_t value, const mini_look *now, dr_lab shade);
/** Gives them the colours of `cloth` (the photo's size) at the same place, with the photo's folds. */
void mini_dress(dr_image *photo, const dr_image *map, uint8_t value, const mini_look *now, const dr_image *cloth);

#endif
