/* A person's body from labels: how tall, where the chin, the waist, the hands are. Everything here works on label maps
 * that dr_labels_reduce() gave: cleaned, and not larger than DR_BODY_SIZE. */
#ifndef DR_MASK_BODY_H
#define DR_MASK_BODY_H

#include "mask/garment.h"

#define DR_BODY_SIZE 1024 /* pixels of the longer side that masks are worked out at */

/** A label map of at most DR_BODY_SIZE, values beyond the labels taken as background, without specks. */
dr_status dr_labels_reduce(dr_image *out, const dr_image *labels);

/** dr_persons_find() for a reduced map; `owner` is allocated here. */
int dr_persons_in(const dr_image *clean, dr_person *out, int max, dr_image *owner);

/** The length that stands for person `k`'s height in pixels, also of a person of whom only a part is seen. */
double dr_body_unit(const dr_image *labels, const dr_image *owner, int k, const dr_person *p);

typedef struct dr_body {
    double unit;
    double chin;           /* y below which the face label is neck and chest */
    double waist;          /* y */
    double neck_x, neck_y; /* where neck and trunk meet */
    bool has_face;
} dr_body;

/** labels: those of one person, everything else background. */
dr_body dr_body_measure(const dr_image *labels, const dr_person *p);

/** Sets to 255 in `hands` (zeroed, the labels' size) the hands among the arm labels: on each piece of an arm what lies
 *  within a hand's length of the end that is farthest from the shoulder, along the arm. An arm that the picture's edge
 *  cuts off there has no hand. */
dr_status dr_body_hands(const dr_image *labels, const dr_body *b, dr_image *hands);

#endif
