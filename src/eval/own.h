/* What can be said of a try-on without a network: is it the garment's colour and pattern, does a seam show, is the
 * cloth as sharp as the photo. The measures are drape's own; docs/eval.md says what each shows and what it does not.
 *
 * Pictures have 3 channels; areas are masks of the same size of which 255 counts. A measure of nothing is NaN. */
#ifndef DR_EVAL_OWN_H
#define DR_EVAL_OWN_H

#include "io/image.h"

/* A picture and the part of it that counts. */
typedef struct dr_area {
    const dr_image *picture, *where;
} dr_area;

typedef struct dr_colour_distance {
    double mean;      /* between the mean colours, CIELAB (CIE 1976) */
    double histogram; /* between all colours: how far L, a and b have to be moved (earth mover's distance of each), as
                         one length; never less than `mean` but for the width of a bin */
} dr_colour_distance;

dr_status dr_colours(const dr_area *a, const dr_area *b, dr_colour_distance *out);

typedef struct dr_pattern_distance {
    double frequency;   /* between the amplitudes of detail in bands of an octave each, root mean square over bands */
    double orientation; /* between which way detail runs, and how much of it does */
} dr_pattern_distance;  /* both in luma, 0..255 */

/** The larger area is brought to the smaller one's size first: a garment's photo is of another scale than a worn one.
 */
dr_status dr_patterns(const dr_area *a, const dr_area *b, dr_pattern_distance *out);

/** Mean gradient (CIELAB a pixel) within 2 pixels of the area's edge, over that 4 to 12 pixels away from it: 1 where
 * the edge does not show. */
dr_status dr_seam(const dr_area *a, double *ratio);

/** Amplitude of the finest detail (up to 4 pixels long) inside the area and in the rest of the picture, luma. */
dr_status dr_sharpness(const dr_area *a, double *inside, double *outside);

/**
 * Where a garment is in a photo of it alone: all that differs from a plain background, which is the colour of the
 * picture's border. Where the border is not plain, the whole picture.
 *
 * @param out  1 channel, 0 and 255
 */
dr_status dr_cloth_area(dr_image *out, const dr_image *garment);

#endif
