/* Colours as people name them, and garments of another colour.
 *
 * All in CIELAB (CIE 1976, D65 as sRGB has it): L in 0..100, a and b about -100..100. Distances there are about those
 * that people see. */
#ifndef MINI_COLOUR_H
#define MINI_COLOUR_H

#include "base/rng.h"
#include "io/image.h"

typedef struct mini_lab {
    float L, a, b;
} mini_lab;

mini_lab mini_lab_of(const uint8_t rgb[3]);
/** Clipped to sRGB. */
void mini_lab_to_rgb(mini_lab c, uint8_t rgb[3]);
float mini_lab_distance(mini_lab a, mini_lab b);

/** The name of the nearest of all colours that have one: "red", "dark blue". */
const char *mini_colour_name(mini_lab c);
/** A named colour and a shade of it, the well-known ones most often. */
const char *mini_colour_draw(dr_rng *r, mini_lab *shade);

/** What a garment looks like: of its pixels, by which recolouring shifts them. */
typedef struct mini_look {
    mini_lab mean;
    float deviation; /* of L */
    int64_t pixels;
} mini_look;

/** Of the pixels of `photo` where `map` (1 channel, the same size) is `value`. */
mini_look mini_look_of(const dr_image *photo, const dr_image *map, uint8_t value);
/** Gives these pixels the shade: their folds and their pattern stay, in place of the old mean comes the new one. */
void mini_recolour(dr_image *photo, const dr_image *map, uint8_t value, const mini_look *now, mini_lab shade);
/** Gives them the colours of `cloth` (the photo's size) at the same place, with the photo's folds. */
void mini_dress(dr_image *photo, const dr_image *map, uint8_t value, const mini_look *now, const dr_image *cloth);

#endif
