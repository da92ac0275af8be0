/* The photos with what is worn in them: label maps, garments with their words and colours.
 *
 *   DATA/photos/ID.jpg, DATA/splits.json ("test_open": never trained on)
 *   DATA/parsing/ID.png       palette PNG, the index is a tag of labels.json; only where people drew them
 *   DATA/parsing-18/ID.png    the same as dr_label, VOC palette, 255: not judged
 *   MORE/parsing-18/ID.png    label maps for the other photos, as parser_label makes them; may be left out
 * Label maps may be smaller or larger than their photo, in its shape.
 *   DATA/image_tags.json      "pixel_level" and "image_level": tags per photo */
#ifndef MINI_WARDROBE_H
#define MINI_WARDROBE_H

#include "mini/colour.h"

#define MINI_SIZE 256   /* pixels of the side of what the small model makes */
#define MINI_GARMENTS 8 /* of one person, at most */

typedef struct mini_garment {
    const char *word; /* "t-shirt" */
    uint8_t label;    /* dr_label: upper, skirt, pants or dress */
    dr_look look;
} mini_garment;

typedef struct mini_person {
    char id[32];
    dr_image photo, labels; /* labels: dr_label, background where not judged */
    dr_image garments;      /* 1 + index of the garment, 0: none */
    mini_garment garment[MINI_GARMENTS];
    int count;
} mini_person;

typedef struct mini_wardrobe {
    mini_person *person;
    int count;
    int size; /* pixels of the side of examples drawn from it; MINI_SIZE unless set to less */
} mini_wardrobe;

/**
 * Reads the photos that have a label map and at least one garment.
 *
 * @param more   NULL: only photos that people labelled
 * @param test   those of "test_open" instead of all others
 * @param limit  at most so many; 0: all
 */
dr_status mini_wardrobe_open(mini_wardrobe *w, const char *data, const char *more, bool test, int limit);
/** Safe on a zeroed struct. */
void mini_wardrobe_clear(mini_wardrobe *w);

#endif
