#include "eval/blur.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define PI 3.14159265358979323846
enum { MOST = 128 };

float dr_blur_sigma(float wavelength)
{
    return wavelength * (float)(sqrt(log(2) / 2) / PI);
}

int dr_blur_kernel(float sigma, float *weight, int most)
{
    int radius = (int)ceilf(3.5f * sigma);
    float sum = 0;
    radius = radius < 1 ? 1 : radius > most ? most : radius;
    for (int i = 0; i <= radius; i++) {
        weight[i] = expf(-0.5f * (float)(i * i) / (sigma * sigma));
        sum += i ? 2 * weight[i] : weight[i];
    }
    for (int i = 0; i <= radius; i++)
        weight[i] /= sum;
    return radius;
}

static void blur_row(float *out, const float *in, int n, const float *weight, int radius)
{
    for (int i = 0; i < n; i++) {
        float sum = 0;
        int from = i < radius ? -i : -radius, to = n - 1 - i < radius ? n - 1 - i : radius;
        for (int k = from; k <= to; k++)
            sum += weight[k < 0 ? -k : k] * in[i + k];
        out[i] = sum;
    }
}

/* Row y of the blur along columns, row by row as they lie in memory. */
static void blur_down(float *out, const float *in, int width, int height, int y, const float *weight, int radius)
{
    int from = y < radius ? -y : -radius, to = height - 1 - y < radius ? height - 1 - y : radius;
    memset(out, 0, (size_t)width * sizeof *out);
    for (int k = from; k <= to; k++) {
        const float *row = in + (ptrdiff_t)(y + k) * width;
        float w = weight[k < 0 ? -k : k];
        for (int x = 0; x < width; x++)
            out[x] += w * row[x];
    }
}

void dr_blur(float *v, float *spare, int width, int height, float sigma)
{
    float weight[MOST + 1];
    int radius = dr_blur_kernel(sigma, weight, MOST);
    for (int y = 0; y < height; y++)
        blur_row(spare + (ptrdiff_t)y * width, v + (ptrdiff_t)y * width, width, weight, radius);
    for (int y = 0; y < height; y++)
        blur_down(v + (ptrdiff_t)y * width, spare, width, height, y, weight, radius);
}
