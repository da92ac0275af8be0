/* CIELAB (CIE 1976, D65 as sRGB has it): L in 0..100, a and b about -100..100. Distances there are about those that
 * people see; 2 is seen side by side, 10 at a glance. */
#ifndef DR_EVAL_LAB_H
#define DR_EVAL_LAB_H

#include <stdint.h>

typedef struct dr_lab {
    float L, a, b;
} dr_lab;

dr_lab dr_lab_of(const uint8_t rgb[3]);
/** Clipped to sRGB. */
void dr_lab_to_rgb(dr_lab c, uint8_t rgb[3]);
/** CIE 1976: the length of the difference. */
float dr_lab_distance(dr_lab a, dr_lab b);

#endif
