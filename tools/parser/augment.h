/* One training sample from a labelled photo: a window from full body to head and shoulders, turned and stretched a
 * little, sometimes mirrored, in other colours, sometimes blurred, sometimes before another background. */
#ifndef DRAPE_PARSER_AUGMENT_H
#define DRAPE_PARSER_AUGMENT_H

#include "base/rng.h"
#include "photos.h"

/** Fills pixels [height,width,3] (normalised by mean and deviation) and labels [height/2,width/2]. The same generator
 *  gives the same sample. */
void augment(const photo_set *s, size_t index, dr_rng *rng, int width, int height, const float mean[3],
             const float std[3], float *pixels, uint8_t *labels);

#endif
