#include "eval/recolour.h"

#include <math.h>

dr_look dr_look_of(const dr_image *photo, const dr_image *map, uint8_t value)
{
    double sum[3] = {0}, square = 0;
    dr_look k = {0};
    for (int64_t i = 0; i < (int64_t)map->width * map->height; i++) {
        if (map->data[i] != value)
            continue;
        dr_lab c = dr_lab_of(photo->data + 3 * i);
        sum[0] += (double)c.L;
        sum[1] += (double)c.a;
        sum[2] += (double)c.b;
        square += (double)c.L * (double)c.L;
        k.pixels++;
    }
    double n = k.pixels ? (double)k.pixels : 1;
    k.mean = (dr_lab){(float)(sum[0] / n), (float)(sum[1] / n), (float)(sum[2] / n)};
    k.deviation = (float)sqrt(fmax(square / n - sum[0] / n * (sum[0] / n), 0));
    return k;
}

/* How much of a pixel's surroundings is garment: a soft edge, so that no rim of the old colour shines. */
static float coverage(const dr_image *map, int x, int y, uint8_t value)
{
    int n = 0, all = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            int px = x + dx, py = y + dy;
            if (px < 0 || py < 0 || px >= map->width || py >= map->height)
                continue;
            all++;
            n += map->data[(size_t)py * (size_t)map->width + (size_t)px] == value;
        }
    return (float)n / (float)all;
}

/* A pixel of colour `c` in cloth of another shade. */
static dr_lab shaded(const dr_look *now, dr_lab c, dr_lab shade)
{
    /* Folds of black cloth are faint and those of white cloth strong: they are brought nearer to a usual depth, but
     * not so far that JPEG's blocks come out; and there is little room below black. */
    float gain = fminf(fmaxf(13 / fmaxf(now->deviation, 1), 0.6f), 1.5f) * fminf(fmaxf(shade.L / 40, 0.5f), 1);
    float L = fminf(fmaxf(shade.L + gain * (c.L - now->mean.L), 1), 99);
    float chroma = fminf(fmaxf(L / fmaxf(shade.L, 1), 0.4f), 1.3f); /* dark folds have less of the colour */
    return (dr_lab){L, shade.a * chroma, shade.b * chroma};
}

static void blend(uint8_t p[3], dr_lab to, float alpha)
{
    uint8_t rgb[3];
    dr_lab_to_rgb(to, rgb);
    for (int k = 0; k < 3; k++)
        p[k] = (uint8_t)lrintf((float)p[k] + alpha * ((float)rgb[k] - (float)p[k]));
}

void dr_recolour(dr_image *photo, const dr_image *map, uint8_t value, const dr_look *now, dr_lab shade)
{
    for (int y = 0; y < photo->height; y++)
        for (int x = 0; x < photo->width; x++) {
            float alpha = coverage(map, x, y, value);
            if (alpha <= 0)
                continue;
            uint8_t *p = photo->data + 3 * ((size_t)y * (size_t)photo->width + (size_t)x);
            dr_lab c = dr_lab_of(p), to = shaded(now, c, shade);
            to.a += 0.5f * (c.a - now->mean.a); /* a pattern stays */
            to.b += 0.5f * (c.b - now->mean.b);
            blend(p, to, alpha);
        }
}

void dr_recloth(dr_image *photo, const dr_image *map, uint8_t value, const dr_look *now, const dr_image *cloth)
{
    for (int y = 0; y < photo->height; y++)
        for (int x = 0; x < photo->width; x++) {
            float alpha = coverage(map, x, y, value);
            size_t at = 3 * ((size_t)y * (size_t)photo->width + (size_t)x);
            if (alpha > 0)
                blend(photo->data + at, shaded(now, dr_lab_of(photo->data + at), dr_lab_of(cloth->data + at)), alpha);
        }
}
