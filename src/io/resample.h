/* The weights of PIL's resampling filters, which 8-bit pictures and floats share. Pillow's Resample.c. */
#ifndef DR_IO_RESAMPLE_H
#define DR_IO_RESAMPLE_H

#include "io/image.h"

/* One axis: output i is the sum of weight[i * stride + k] * input[first[i] + k], k < count[i]. */
typedef struct dr_taps {
    int *first, *count;
    double *weight; /* of each output they add up to 1 */
    size_t stride;
} dr_taps;

/** Of BILINEAR, BICUBIC or LANCZOS. False when memory ran out; clear it then as well. */
bool dr_taps_init(dr_taps *t, int in, int out, dr_resample how);
void dr_taps_clear(dr_taps *t);

/** Whether the columns are resampled before the rows. */
bool dr_columns_first(const dr_image *in, int width, int height);

#endif
