/* Connected regions of small pictures of one channel: finding them, filling holes, dropping islands. */
#ifndef DR_MASK_REGIONS_H
#define DR_MASK_REGIONS_H

#include "io/image.h"
#include "mask/mask_shape.h"

typedef struct dr_component {
    dr_rect box;
    int64_t area;
    int label; /* the value of its first pixel */
} dr_component;

typedef struct dr_components {
    int32_t *id; /* [width*height], -1 where the picture is 0, else an index into `item` */
    dr_component *item;
    int count;
} dr_components;

/** Regions of non-zero pixels that touch at sides or corners; with `by_value` only pixels of one value belong together
 *  (at sides). Free with dr_components_clear(), which is safe on a zeroed struct. */
dr_status dr_components_find(dr_components *out, const dr_image *im, bool by_value);
void dr_components_clear(dr_components *c);

/** Sets to 0 the regions of a mask with less than `share` of the largest one's pixels. */
dr_status dr_drop_islands(dr_image *mask, double share);
/** Sets to 255 the holes of a mask with at most `area` pixels; what touches the picture's edge is no hole. */
dr_status dr_fill_holes(dr_image *mask, int64_t area);
/** Gives small regions of a label map (below `area` pixels) the label that surrounds them most. */
dr_status dr_labels_clean(dr_image *labels, int64_t area);

/** Closing, then opening, by discs of that radius in pixels: rounds off what is thinner. */
dr_status dr_mask_smooth(dr_image *mask, int radius);

#endif
