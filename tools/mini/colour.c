#include "mini/colour.h"

#include <math.h>

/* --- names ------------------------------------------------------------------------------------------ */

/* sRGB of cloth in daylight, and how often it is drawn. */
static const struct {
    const char *name;
    uint8_t rgb[3], often;
} colours[] = {
    {"black", {24, 23, 26}, 4},          {"white", {238, 237, 234}, 4},   {"grey", {130, 130, 132}, 4},
    {"red", {196, 32, 42}, 4},           {"green", {48, 134, 62}, 4},     {"blue", {40, 84, 180}, 4},
    {"yellow", {236, 204, 62}, 4},       {"pink", {236, 148, 176}, 4},    {"orange", {232, 122, 36}, 3},
    {"purple", {106, 52, 142}, 3},       {"brown", {102, 66, 42}, 3},     {"beige", {212, 192, 162}, 2},
    {"dark red", {110, 22, 36}, 1},      {"dark green", {32, 70, 46}, 1}, {"olive", {108, 106, 58}, 1},
    {"light green", {160, 212, 166}, 1}, {"teal", {24, 118, 120}, 1},     {"light blue", {150, 188, 226}, 2},
    {"navy", {30, 36, 76}, 2},           {"lilac", {188, 164, 212}, 1},   {"magenta", {206, 40, 124}, 1},
    {"cream", {240, 230, 208}, 1},       {"dark grey", {72, 72, 75}, 1},  {"light grey", {188, 188, 190}, 1},
};
#define COLOURS ((int)(sizeof colours / sizeof *colours))

const char *mini_colour_name(dr_lab c)
{
    int best = 0;
    float least = INFINITY;
    for (int i = 0; i < COLOURS; i++) {
        float d = dr_lab_distance(c, dr_lab_of(colours[i].rgb));
        if (d < least) {
            least = d;
            best = i;
        }
    }
    return colours[best].name;
}

const char *mini_colour_draw(dr_rng *r, dr_lab *shade)
{
    int64_t total = 0, at;
    int i = 0;
    for (int k = 0; k < COLOURS; k++)
        total += colours[k].often;
    for (at = dr_rng_below(r, total); at >= colours[i].often; i++)
        at -= colours[i].often;
    dr_lab c = dr_lab_of(colours[i].rgb);
    float chroma = hypotf(c.a, c.b), spread = chroma < 8 ? 2.0f : 7.0f; /* a grey that is a little blue is still grey */
    shade->L = fminf(fmaxf(c.L + (dr_rng_uniform(r) - 0.5f) * 12, 4), 96);
    shade->a = c.a + (dr_rng_uniform(r) - 0.5f) * 2 * spread;
    shade->b = c.b + (dr_rng_uniform(r) - 0.5f) * 2 * spread;
    return colours[i].name;
}

/* --- garments --------------------------------------------------------------------------------------- */

mini_look mini_look_of(const dr_image *photo, const dr_image *map, uint8_t value)
{
    double sum[3] = {0}, square = 0;
    mini_look k = {0};
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
static dr_lab shaded(const mini_look *now, dr_lab c, dr_lab shade)
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

void mini_recolour(dr_image *photo, const dr_image *map, uint8_t value, const mini_look *now, dr_lab shade)
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

void mini_dress(dr_image *photo, const dr_image *map, uint8_t value, const mini_look *now, const dr_image *cloth)
{
    for (int y = 0; y < photo->height; y++)
        for (int x = 0; x < photo->width; x++) {
            float alpha = coverage(map, x, y, value);
            size_t at = 3 * ((size_t)y * (size_t)photo->width + (size_t)x);
            if (alpha > 0)
                blend(photo->data + at, shaded(now, dr_lab_of(photo->data + at), dr_lab_of(cloth->data + at)), alpha);
        }
}
