/* The photos that the parser learns from, with their labels, decoded once.
 *
 * DATA/photos/NAME.jpg, DATA/parsing-18/NAME.png (VOC palette: the index is the label, 255 = not judged),
 * DATA/splits.json with the lists "train" and "test_open". */
#ifndef DRAPE_PARSER_PHOTOS_H
#define DRAPE_PARSER_PHOTOS_H

#include "io/image.h"

#define NOT_JUDGED 255

typedef struct labelled_photo {
    char name[64];
    dr_image photo, labels;       /* labels: 1 channel */
    int top, left, bottom, right; /* box of the person */
} labelled_photo;

typedef struct photo_set {
    labelled_photo *item;
    size_t count;
} photo_set;

/** Adds those of one split of LABELS/splits.json, in its order; at most `limit` of them (0: all). LABELS has the label
 *  maps, PHOTOS the photos; on failure the set is empty. */
dr_status photo_set_add(photo_set *s, const char *photos, const char *labels, const char *split, size_t limit);
void photo_set_clear(photo_set *s);

/** The VOC palette's colour of an index, and the reverse: bits of the index lie in turn in red, green and blue, from
 * the top. */
void voc_colour(uint8_t index, uint8_t *rgb);
uint8_t voc_index(const uint8_t *rgb);

#endif
