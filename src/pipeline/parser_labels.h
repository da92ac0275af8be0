/* The names that published clothes parsers give their classes, and which of our labels each is. docs/masks.md lists
 * them. Case, '-', '_', plurals, and "left" and "right" where our label has no side make no difference. */
#ifndef DR_PIPELINE_PARSER_LABELS_H
#define DR_PIPELINE_PARSER_LABELS_H

#include "io/labels.h"

/* What a class may be besides one of our labels. */
enum {
    DR_CLASS_UPPER_PART =
        DR_LABELS,     /* sleeve, collar: of whichever of the garments above the waist is likeliest there */
    DR_CLASS_ANY_PART, /* pocket, zipper: of whichever garment is likeliest there */
    DR_CLASS_TORSO,    /* skin where there are clothes in the set, the clothes where there are none */
    DR_CLASS_UNKNOWN
};

/** A dr_label or one of the above. */
int dr_class_named(const char *name);

#endif
