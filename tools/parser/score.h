/* How well predicted labels agree with the annotators': counts, and intersection over union. */
#ifndef DRAPE_PARSER_SCORE_H
#define DRAPE_PARSER_SCORE_H

#include "io/labels.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* pixels[true label][predicted label]; pixels that are not judged are left out */
typedef struct score {
    int64_t pixels[DR_LABELS][DR_LABELS];
} score;

void score_add(score *s, const uint8_t *truth, const uint8_t *predicted, int64_t n);

/** Intersection over union of the labels `from`..`to` taken as one. NaN when neither has any. */
double score_iou(const score *s, int from, int to);
/** Mean over all labels that occur. */
double score_mean(const score *s);
/** person, upper 4+7, lower 5+6, garments 4-7, mean, as one line; and every label. */
void score_print(const score *s, FILE *f, bool labels);

#endif
