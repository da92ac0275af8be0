/* From a label map to masks: where a new garment may go, and where the garment is.
 *
 * A label map is a picture of one channel whose values are dr_label (pipeline/parser.h). All lengths are in
 * proportion to the person, never in fixed pixels. The rules, with pictures, are in docs/masks.md. */
#ifndef DR_MASK_GARMENT_H
#define DR_MASK_GARMENT_H

#include "io/image.h"

typedef enum dr_mask_what { DR_MASK_AGNOSTIC, DR_MASK_GARMENT } dr_mask_what;
typedef enum dr_mask_category {
    DR_MASK_UPPER, /* shirts, sweaters, jackets */
    DR_MASK_LOWER, /* trousers, skirts */
    DR_MASK_DRESS, /* dresses, overalls: upper and lower together */
    DR_MASK_OUTER  /* a coat or jacket over what is worn: upper, further down */
} dr_mask_category;
typedef enum dr_mask_sleeve {
    DR_SLEEVE_KEEP, /* the arm as far as it is covered now */
    DR_SLEEVE_LONG, /* the arm down to the wrist, so that a long sleeve fits */
    DR_SLEEVE_SHORT /* whatever covers the arm now goes, the skin below a short sleeve is painted anew */
} dr_mask_sleeve;

typedef struct dr_garment_options {
    dr_mask_what what;
    dr_mask_category category;
    dr_mask_sleeve sleeve;
    int person;  /* from 1, by size, largest first; 0: the largest */
    double grow; /* added to the rules' own growth, in parts of the person's height; may be negative */
} dr_garment_options;
#define DR_GARMENT_DEFAULTS                                                                                            \
    {                                                                                                                  \
        .sleeve = DR_SLEEVE_KEEP                                                                                       \
    }

/** One person in a label map. */
typedef struct dr_person {
    int x, y, width, height; /* box, pixels */
    int64_t area;
    double unit; /* the length that stands for the person's height, also where only a part of the person is seen */
} dr_person;

/** Persons by falling area, at most `max`; specks are left out. Returns their number, or a status below 0. `owner` (or
 * NULL) gets a picture of the labels' size with 0 for nobody and k for person k. */
int dr_persons_find(const dr_image *labels, dr_person *out, int max, dr_image *owner);

/** The mask, 0 and 255, of the labels' size; allocated here, untouched on failure. DR_EINVAL, in a sentence for the
 * user that names `name` (the photo), when there is no person, no such person, or no such garment. */
dr_status dr_garment_mask(dr_image *out, const dr_image *labels, const dr_garment_options *o, const char *name);

/** Snaps a rough hand-painted mask (binarised, the photo's size) to the garment under it: labels that the paint covers
 *  for the most part are taken whole near the paint, others given back; edges follow the photo's colours. */
dr_status dr_mask_refine(dr_image *out, const dr_image *rough, const dr_image *photo, const dr_image *labels,
                         const char *name);

/** Labels as colours, for people; and a mask or labels laid over a photo. 3 channels. */
dr_status dr_labels_colour(dr_image *out, const dr_image *labels);
dr_status dr_mask_overlay(dr_image *out, const dr_image *photo, const dr_image *mask);

#endif
