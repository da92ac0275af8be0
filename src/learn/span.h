/* Values of one parameter, one behind the other: what a rank has of it. */
#ifndef DR_LEARN_SPAN_H
#define DR_LEARN_SPAN_H

#include <stdint.h>

typedef struct dr_span {
    int64_t from, n;
} dr_span;

#endif
