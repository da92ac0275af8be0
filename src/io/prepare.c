#include "io/prepare.h"

#include <math.h>

void dr_image_to_f32(const dr_image *im, float *out)
{
    float table[256];
    int64_t n = (int64_t)im->width * im->height * im->channels;
    for (int v = 0; v < 256; v++)
        table[v] = 2.0f * ((float)v / 255.0f) - 1.0f;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        out[i] = table[im->data[i]];
}

dr_status dr_image_from_f32(dr_image *out, const float *data, int width, int height)
{
    int64_t n = (int64_t)width * height * 3, bad = 0;
    dr_status st = dr_image_alloc(out, width, height, 3);
    if (st)
        return st;
#pragma omp parallel for schedule(static) reduction(+ : bad)
    for (int64_t i = 0; i < n; i++) {
        float v = data[i] * 0.5f + 0.5f;
        bad += isnan(v) ? 1 : 0;
        v = v >= 1.0f ? 1.0f : v > 0.0f ? v : 0.0f; /* also takes NaN to 0, which has no 8-bit value */
        out->data[i] = (uint8_t)rintf(v * 255.0f);
    }
    if (bad == 0)
        return DR_OK;
    dr_image_clear(out);
    return dr_fail(DR_EINVAL, "the decoded picture has %lld values that are not a number: the weights are damaged",
                   (long long)bad);
}

void dr_masked_f32(const float *pixels, const dr_image *mask, float *out)
{
    int64_t n = (int64_t)mask->width * mask->height;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        float keep = mask->data[i] < 128 ? 1.0f : 0.0f;
        for (int k = 0; k < 3; k++)
            out[3 * i + k] = pixels[3 * i + k] * keep;
    }
}

/* PyTorch computes the position in float; in double other pixels would be picked at some sizes. */
static int nearest(int i, int in, int out)
{
    float scale = (float)in / (float)out;
    int at = (int)floorf((float)i * scale);
    return at < in ? at : in - 1;
}

void dr_mask_to_latent(const dr_image *mask, int width, int height, float *out)
{
    for (int y = 0; y < height; y++) {
        const uint8_t *row = mask->data + (size_t)nearest(y, mask->height, height) * (size_t)mask->width;
        for (int x = 0; x < width; x++)
            *out++ = row[nearest(x, mask->width, width)] >= 128 ? 1.0f : 0.0f;
    }
}
