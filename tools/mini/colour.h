/* Colours for training examples. */
#ifndef MINI_COLOUR_H
#define MINI_COLOUR_H

#include "base/rng.h"
#include "eval/recolour.h"

/** The name of the nearest of all colours that have one: "red", "dark blue". */
const char *mini_colour_name(dr_lab c);
/** A named colour and a shade of it, the well-known ones most often. */
const char *mini_colour_draw(dr_rng *r, dr_lab *shade);

#endif
