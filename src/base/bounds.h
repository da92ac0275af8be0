/* What a value may be: a number within bounds, one word of some. Whoever checks one and whoever tells of it say the
 * same. */
#ifndef DR_BASE_BOUNDS_H
#define DR_BASE_BOUNDS_H

#include <stdbool.h>

#define DR_BOUNDS_TEXT 80 /* bytes of "above 0 and at most 1" */

/** least..most; with `above`, least itself is too little. Nothing that is no number lies within. */
bool dr_within(double v, double least, double most, bool above);

/** "0 to 1", or with `above` "above 0 and at most 1": every digit counts. Into DR_BOUNDS_TEXT bytes; returns them. */
const char *dr_bounds_text(char *out, double least, double most, bool above);

#endif
