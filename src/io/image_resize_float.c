/* Resampling into floats, equal to PIL's of each channel in mode "F". */
#include "io/image.h"
#include "io/resample.h"

#include <stdlib.h>

enum { SMALL = 1 << 16 }; /* values below which waking other threads costs more than it saves */

typedef struct plane {
    int width, height, channels;
    float *data;
} plane;

static dr_status plane_alloc(plane *p, int width, int height, int channels)
{
    *p = (plane){width, height, channels, NULL};
    p->data = malloc((size_t)width * (size_t)height * (size_t)channels * sizeof *p->data);
    return p->data ? DR_OK : dr_fail(DR_ENOMEM, "out of memory resizing a picture to %dx%d", width, height);
}

/* Sums are in double and rounded to float after each pass. */
static void resize_x(plane *out, const plane *in, const dr_taps *t)
{
    size_t channels = (size_t)in->channels;
#pragma omp parallel for schedule(static) if ((int64_t)in->width * in->height > SMALL)
    for (int y = 0; y < out->height; y++) {
        const float *row = in->data + (size_t)y * (size_t)in->width * channels;
        float *to = out->data + (size_t)y * (size_t)out->width * channels;
        for (int x = 0; x < out->width; x++)
            for (size_t c = 0; c < channels; c++) {
                const double *w = t->weight + (size_t)x * t->stride;
                double sum = 0;
                for (int k = 0; k < t->count[x]; k++)
                    sum += (double)row[(size_t)(t->first[x] + k) * channels + c] * w[k];
                *to++ = (float)sum;
            }
    }
}

static void resize_y(plane *out, const plane *in, const dr_taps *t)
{
    size_t n = (size_t)in->width * (size_t)in->channels;
#pragma omp parallel for schedule(static) if ((int64_t)in->width * in->height > SMALL)
    for (int y = 0; y < out->height; y++) {
        const double *w = t->weight + (size_t)y * t->stride;
        const float *from = in->data + (size_t)t->first[y] * n;
        for (size_t i = 0; i < n; i++) {
            double sum = 0;
            for (int k = 0; k < t->count[y]; k++)
                sum += (double)from[(size_t)k * n + i] * w[k];
            out->data[(size_t)y * n + i] = (float)sum;
        }
    }
}

/* One pass along an axis, which may keep its size: PIL leaves it out then. `in` is given back. */
static dr_status pass(plane *p, int size, bool columns, dr_resample how)
{
    dr_taps t = {0};
    plane out;
    int had = columns ? p->height : p->width;
    if (had == size)
        return DR_OK;
    dr_status st = plane_alloc(&out, columns ? p->width : size, columns ? size : p->height, p->channels);
    if (!st && !dr_taps_init(&t, had, size, how)) {
        free(out.data);
        st = dr_fail(DR_ENOMEM, "out of memory resizing a picture to %d pixels", size);
    }
    if (!st) {
        (columns ? resize_y : resize_x)(&out, p, &t);
        free(p->data);
        *p = out;
    }
    dr_taps_clear(&t);
    return st;
}

dr_status dr_image_resize_float(float **out, const dr_image *in, int width, int height, dr_resample how)
{
    plane p;
    bool columns = dr_columns_first(in, width, height);
    dr_status st = plane_alloc(&p, in->width, in->height, in->channels);
    size_t n = (size_t)in->width * (size_t)in->height * (size_t)in->channels;
    for (size_t i = 0; !st && i < n; i++)
        p.data[i] = in->data[i];
    if (!st)
        st = pass(&p, columns ? height : width, columns, how);
    if (!st)
        st = pass(&p, columns ? width : height, !columns, how);
    if (st)
        free(p.data);
    *out = st ? NULL : p.data;
    return st;
}
