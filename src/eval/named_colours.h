/* Colours as people name them when they speak of clothes. */
#ifndef DR_EVAL_NAMED_COLOURS_H
#define DR_EVAL_NAMED_COLOURS_H

#include <stdint.h>

typedef struct dr_named_colour {
    const char *name, *also; /* another name for it, or NULL */
    uint8_t rgb[3];          /* sRGB of cloth in daylight */
    uint8_t often;           /* how often clothes have it, in parts of all of them */
} dr_named_colour;

/** All of them; behind the last is one without a name. */
const dr_named_colour *dr_named_colours(void);

#endif
