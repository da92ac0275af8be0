#include "io/prepare.h"

#include <math.h>
#include <stdbool.h>

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

void dr_mask_to_latent(const dr_image *mask, int width, int height, float *out)
{
    for (int y = 0; y < height; y++) {
        const uint8_t *row = mask->data + (size_t)dr_top_left(y, mask->height, height) * (size_t)mask->width;
        for (int x = 0; x < width; x++)
            *out++ = row[dr_top_left(x, mask->width, width)] >= 128 ? 1.0f : 0.0f;
    }
}

/* Which pixels of `in` a cell holds; at least one. */
static void cell_span(int i, int in, int out, int *from, int *to)
{
    *from = (int)((int64_t)i * in / out);
    *to = (int)(((int64_t)(i + 1) * in + out - 1) / out);
}

/* White pixels of a cell. */
static int64_t white_in(const dr_image *mask, int x, int y, int width, int height)
{
    int x0, x1, y0, y1;
    int64_t n = 0;
    cell_span(x, mask->width, width, &x0, &x1);
    cell_span(y, mask->height, height, &y0, &y1);
    for (int j = y0; j < y1; j++)
        for (int i = x0; i < x1; i++)
            n += mask->data[(size_t)j * (size_t)mask->width + (size_t)i] >= 128;
    return n;
}

void dr_mask_to_latent_any(const dr_image *mask, int width, int height, float *out)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            *out++ = white_in(mask, x, y, width, height) > 0 ? 1.0f : 0.0f;
}

static bool sampled_around(const dr_image *mask, int x, int y, int width, int height)
{
    for (int j = y > 0 ? y - 1 : 0; j <= y + 1 && j < height; j++)
        for (int i = x > 0 ? x - 1 : 0; i <= x + 1 && i < width; i++)
            if (mask->data[(size_t)dr_top_left(j, mask->height, height) * (size_t)mask->width +
                           (size_t)dr_top_left(i, mask->width, width)] >= 128)
                return true;
    return false;
}

double dr_mask_lost(const dr_image *mask, int width, int height)
{
    int64_t all = 0, lost = 0;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int64_t n = white_in(mask, x, y, width, height);
            all += n;
            lost += n > 0 && !sampled_around(mask, x, y, width, height) ? n : 0;
        }
    return all ? (double)lost / (double)all : 0;
}
