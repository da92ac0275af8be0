#include "mini/pair.h"

#include "io/labels.h"
#include "learn/draw.h"
#include "mask/mask_shape.h"

#include <math.h>
#include <string.h>

#define STREAM 8 /* of dr_draw: other than the examples' */

static float between(dr_rng *r, float low, float high)
{
    return low + (high - low) * dr_rng_uniform(r);
}

static bool chance(dr_rng *r, float p)
{
    return dr_rng_uniform(r) < p;
}

/* --- sampling ------------------------------------------------------------------------------------------ */

/* Into [0,n), mirrored at the ends as often as it takes. */
static float reflect(float x, float n)
{
    float period = 2 * (n - 1);
    if (n < 2)
        return 0;
    x = fmodf(fabsf(x), period);
    return x > n - 1 ? period - x : x;
}

static void sample(const dr_image *im, float x, float y, float rgb[3])
{
    x = reflect(x, (float)im->width);
    y = reflect(y, (float)im->height);
    int x0 = (int)x, y0 = (int)y, x1 = x0 + 1 < im->width ? x0 + 1 : x0, y1 = y0 + 1 < im->height ? y0 + 1 : y0;
    float fx = x - (float)x0, fy = y - (float)y0;
    for (int k = 0; k < 3; k++) {
        float a = im->data[3 * ((size_t)y0 * (size_t)im->width + (size_t)x0) + (size_t)k];
        float b = im->data[3 * ((size_t)y0 * (size_t)im->width + (size_t)x1) + (size_t)k];
        float c = im->data[3 * ((size_t)y1 * (size_t)im->width + (size_t)x0) + (size_t)k];
        float d = im->data[3 * ((size_t)y1 * (size_t)im->width + (size_t)x1) + (size_t)k];
        rgb[k] = (a + (b - a) * fx) * (1 - fy) + (c + (d - c) * fx) * fy;
    }
}

/* How much of the place is the garment, from the four pixels around it. */
static float part_of(const dr_image *map, float x, float y, uint8_t value)
{
    int x0 = (int)floorf(x), y0 = (int)floorf(y);
    float fx = x - (float)x0, fy = y - (float)y0, sum = 0;
    for (int k = 0; k < 4; k++) {
        int px = x0 + (k & 1), py = y0 + (k >> 1);
        float weight = (k & 1 ? fx : 1 - fx) * (k >> 1 ? fy : 1 - fy);
        if (px >= 0 && py >= 0 && px < map->width && py < map->height)
            sum += weight * (float)(map->data[(size_t)py * (size_t)map->width + (size_t)px] == value);
    }
    return sum;
}

/* Cloth never lies quite straight: places are moved by a slow wave. */
typedef struct bend {
    float reach, fx, fy, px, py; /* pixels; turns a pixel; phases */
} bend;

static bend draw_bend(dr_rng *r, float size, float most)
{
    return (bend){size * between(r, 0, most), between(r, 0.3f, 1.3f) / size, between(r, 0.3f, 1.3f) / size,
                  between(r, 0, 6.2831853f), between(r, 0, 6.2831853f)};
}

static void bend_place(const bend *b, float *x, float *y)
{
    float dx = b->reach * sinf(6.2831853f * b->fx * *y + b->px), dy = b->reach * sinf(6.2831853f * b->fy * *x + b->py);
    *x += dx;
    *y += dy;
}

/* --- cloth --------------------------------------------------------------------------------------------- */

typedef enum pattern { ACROSS, ALONG, SLANTED, CHECKS, DOTS, PRINT, HALVES, PATTERNS } pattern;

/* How much of the second colour a pattern has at a place, in units of its period from the garment's middle. */
static float pattern_at(pattern kind, float u, float v, float width, float garment)
{
    float fu = u - floorf(u), fv = v - floorf(v);
    switch (kind) {
    case ACROSS:
        return (float)(fv < width);
    case ALONG:
        return (float)(fu < width);
    case SLANTED:
        fu = (u + v) * 0.7071f;
        return (float)(fu - floorf(fu) < width);
    case CHECKS:
        return 0.5f * (float)(fu < width) + 0.5f * (float)(fv < width);
    case DOTS:
        return (float)(hypotf(fu - 0.5f, fv - 0.5f) < 0.6f * width);
    case PRINT: /* a mark on the chest */
        return (float)(fabsf(u) < garment && fabsf(v + garment) < garment * width * 2 && (fu < 0.6f || fv < 0.3f));
    default:
        return (float)(v > 0);
    }
}

/* A picture of the photo's size with a pattern of two colours where the garment is. */
static dr_status draw_pattern(dr_image *cloth, dr_rect box, dr_rng *r)
{
    dr_lab shade[2];
    float size = (float)(box.width < box.height ? box.width : box.height), turn = between(r, -0.15f, 0.15f);
    float period = size / between(r, 3, 14), width = between(r, 0.25f, 0.6f);
    pattern kind = (pattern)dr_rng_below(r, PATTERNS);
    bend b = draw_bend(r, size, 0.05f);
    mini_colour_draw(r, &shade[0]);
    do
        mini_colour_draw(r, &shade[1]);
    while (dr_lab_distance(shade[0], shade[1]) < 25);
    for (int y = box.y; y < box.y + box.height; y++)
        for (int x = box.x; x < box.x + box.width; x++) {
            float px = (float)(x - box.x) - 0.5f * (float)box.width, py = (float)(y - box.y) - 0.5f * (float)box.height;
            bend_place(&b, &px, &py);
            float u = (px * cosf(turn) - py * sinf(turn)) / period, v = (px * sinf(turn) + py * cosf(turn)) / period;
            float t = pattern_at(kind, u, v, width, 0.22f * size / period);
            dr_lab c = {shade[0].L + t * (shade[1].L - shade[0].L), shade[0].a + t * (shade[1].a - shade[0].a),
                        shade[0].b + t * (shade[1].b - shade[0].b)};
            dr_lab_to_rgb(c, cloth->data + 3 * ((size_t)y * (size_t)cloth->width + (size_t)x));
        }
    return DR_OK;
}

/* The same with the cloth of a flat garment: the middle of its photo is laid over the garment's height, and mirrored
 * where the garment is wider. */
static dr_status lay_flat(dr_image *cloth, dr_rect box, const dr_image *flat, dr_rng *r)
{
    float W = (float)flat->width, H = (float)flat->height;
    float w = fminf(0.42f * W, 0.4f * H), h = fminf(0.56f * H, 1.2f * W), scale = h / (float)box.height;
    dr_image middle = {0};
    dr_status st = dr_image_crop(&middle, flat, (int)(0.5f * (W - w)), (int)(0.52f * H - 0.5f * h), (int)w, (int)h);
    bend b = draw_bend(r, (float)box.height, 0.03f);
    float aspect = between(r, 0.85f, 1.15f);
    for (int y = box.y; !st && y < box.y + box.height; y++)
        for (int x = box.x; x < box.x + box.width; x++) {
            float px = (float)(x - box.x) - 0.5f * (float)box.width, py = (float)(y - box.y), rgb[3];
            bend_place(&b, &px, &py);
            sample(&middle, 0.5f * w + px * scale * aspect, py * scale, rgb);
            for (int k = 0; k < 3; k++)
                cloth->data[3 * ((size_t)y * (size_t)cloth->width + (size_t)x) + (size_t)k] = (uint8_t)lrintf(rgb[k]);
        }
    dr_image_clear(&middle);
    return st;
}

/* The place of a garment in its map. */
static bool place_of(const dr_image *map, uint8_t value, dr_rect *box)
{
    int x0 = map->width, y0 = map->height, x1 = -1, y1 = -1;
    for (int y = 0; y < map->height; y++)
        for (int x = 0; x < map->width; x++)
            if (map->data[(size_t)y * (size_t)map->width + (size_t)x] == value) {
                x0 = x < x0 ? x : x0;
                x1 = x > x1 ? x : x1;
                y0 = y < y0 ? y : y0;
                y1 = y > y1 ? y : y1;
            }
    *box = (dr_rect){x0, y0, x1 - x0 + 1, y1 - y0 + 1};
    return x1 >= 0;
}

/* Gives garment i of the person the cloth of `flat`, or a pattern. */
static dr_status dress(dr_image *photo, const mini_person *p, int i, const dr_image *flat, dr_rng *r)
{
    dr_rect box;
    dr_image cloth = {0};
    uint8_t value = (uint8_t)(i + 1);
    if (!place_of(&p->garments, value, &box))
        return DR_OK;
    dr_status st = dr_image_copy(&cloth, photo); /* around the box nothing changes */
    if (!st)
        st = flat ? lay_flat(&cloth, box, flat, r) : draw_pattern(&cloth, box, r);
    if (!st) {
        mini_look look = mini_look_of(photo, &p->garments, value);
        mini_dress(photo, &p->garments, value, &look, &cloth);
    }
    dr_image_clear(&cloth);
    return st;
}

/* --- photos of garments -------------------------------------------------------------------------------- */

dr_status mini_garment_fit(dr_image *out, const dr_image *photo, int size)
{
    int w = photo->width, h = photo->height, longer = w > h ? w : h;
    dr_image small = {0};
    int sw = (int)((int64_t)w * size / longer), sh = (int)((int64_t)h * size / longer);
    dr_status st = dr_image_resize(&small, photo, sw > 0 ? sw : 1, sh > 0 ? sh : 1, DR_LANCZOS);
    if (!st)
        st = dr_image_alloc(out, size, size, 3);
    if (!st) {
        memset(out->data, 255, (size_t)size * (size_t)size * 3);
        int left = (size - small.width) / 2, top = (size - small.height) / 2;
        for (int y = 0; y < small.height; y++)
            memcpy(out->data + 3 * ((size_t)(top + y) * (size_t)size + (size_t)left),
                   small.data + 3 * (size_t)y * (size_t)small.width, 3 * (size_t)small.width);
    }
    dr_image_clear(&small);
    return st;
}

/* White, a plain colour, or what lies under another garment: the corner of its photo, repeated. */
static dr_status draw_ground(dr_image *out, int size, const mini_flats *f, dr_rng *r)
{
    dr_image photo = {0};
    float rgb[3] = {255, 255, 255}, kind = dr_rng_uniform(r);
    dr_status st = dr_image_alloc(out, size, size, 3);
    if (!st && kind > 0.75f)
        st = mini_flat_read(f, &f->flat[dr_rng_below(r, f->count)], &photo);
    if (kind > 0.5f)
        for (int k = 0; k < 3; k++)
            rgb[k] = between(r, 60, 255);
    float slope = kind > 0.5f ? between(r, -40, 40) : 0, wide = 0.18f * (float)photo.width;
    for (int y = 0; !st && y < size; y++)
        for (int x = 0; x < size; x++) {
            if (photo.data)
                sample(&photo, reflect((float)x, wide), reflect((float)y, 0.18f * (float)photo.height), rgb);
            for (int k = 0; k < 3; k++) {
                float v = rgb[k] + (photo.data ? 0 : slope * ((float)y / (float)size - 0.5f));
                out->data[3 * ((size_t)y * (size_t)size + (size_t)x) + (size_t)k] =
                    (uint8_t)lrintf(fminf(fmaxf(v, 0), 255));
            }
        }
    dr_image_clear(&photo);
    return st;
}

/* Garment i cut out of the photo and laid on the ground in `out`. */
static void cut_out(dr_image *out, const dr_image *photo, const mini_person *p, int i, dr_rect box, dr_rng *r)
{
    int size = out->width;
    float turn = between(r, -0.2f, 0.2f), longer = (float)(box.width > box.height ? box.width : box.height);
    float scale = longer / (between(r, 0.72f, 0.96f) * (float)size), stretch = between(r, 0.88f, 1.14f);
    float light = between(r, 0.95f, 1.05f), cx = (float)box.x + 0.5f * (float)box.width,
          cy = (float)box.y + 0.5f * (float)box.height;
    bend b = draw_bend(r, (float)size, 0.05f);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            float u = (float)x - 0.5f * (float)size, v = (float)y - 0.5f * (float)size, rgb[3];
            bend_place(&b, &u, &v);
            float px = cx + scale * stretch * (u * cosf(turn) - v * sinf(turn));
            float py = cy + scale / stretch * (u * sinf(turn) + v * cosf(turn));
            float alpha = part_of(&p->garments, px, py, (uint8_t)(i + 1));
            if (alpha <= 0)
                continue;
            sample(photo, px, py, rgb);
            uint8_t *to = out->data + 3 * ((size_t)y * (size_t)size + (size_t)x);
            for (int k = 0; k < 3; k++)
                to[k] = (uint8_t)lrintf((float)to[k] + alpha * (fminf(rgb[k] * light, 255) - (float)to[k]));
        }
}

/* What the mask hides, nearly in its place. */
static void lay_in_place(dr_image *out, const mini_example *e, dr_rng *r)
{
    int size = out->width;
    bend b = draw_bend(r, (float)size, 0.03f);
    float dx = (float)size * between(r, -0.05f, 0.05f), dy = (float)size * between(r, -0.05f, 0.05f);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            float px = (float)x + dx, py = (float)y + dy, rgb[3];
            bend_place(&b, &px, &py);
            float alpha = part_of(&e->mask, px, py, 255);
            uint8_t *to = out->data + 3 * ((size_t)y * (size_t)size + (size_t)x);
            sample(&e->photo, px, py, rgb);
            for (int k = 0; k < 3; k++)
                to[k] = (uint8_t)lrintf((float)to[k] + alpha * (rgb[k] - (float)to[k]));
        }
}

/* --- the whole ----------------------------------------------------------------------------------------- */

/* Whether arms are bare where the garment is worn: its photo should then show a garment that leaves them so. */
static bool has_short_sleeves(const mini_person *p, int garment)
{
    int64_t arms = 0, cloth = 0;
    for (int64_t i = 0; i < (int64_t)p->labels.width * p->labels.height; i++)
        arms += p->labels.data[i] == DR_LABEL_LEFT_ARM || p->labels.data[i] == DR_LABEL_RIGHT_ARM;
    for (int64_t i = 0; i < (int64_t)p->garments.width * p->garments.height; i++)
        cloth += p->garments.data[i] == garment + 1;
    double scale = (double)p->garments.width / p->labels.width;
    return (double)arms * scale * scale > 0.2 * (double)cloth;
}

/* Dresses the person's garment i in `photo`, and makes the picture of it. */
static dr_status make_garment(dr_image *garment, int size, dr_image *photo, const mini_person *p, int i,
                              const mini_flats *f, dr_rng *r)
{
    dr_rect box;
    dr_image flat = {0};
    const mini_flat *choice = chance(r, 0.45f) && p->garment[i].label != DR_LABEL_PANTS
                                  ? mini_flats_choose(f, p->garment[i].label, has_short_sleeves(p, i), r)
                                  : NULL;
    dr_status st = choice ? mini_flat_read(f, choice, &flat) : DR_OK;
    if (!st && choice) {
        st = dress(photo, p, i, &flat, r);
        if (!st)
            st = mini_garment_fit(garment, &flat, size);
        dr_image_clear(&flat);
        return st;
    }
    if (!st && chance(r, 0.45f))
        st = dress(photo, p, i, NULL, r);
    if (!st)
        st = draw_ground(garment, size, f, r);
    if (!st && place_of(&p->garments, (uint8_t)(i + 1), &box))
        cut_out(garment, photo, p, i, box, r);
    return st;
}

/* One of the upper garments if there is one: they are what people try on most. */
static int choose_garment(const mini_person *p, dr_rng *r)
{
    int upper[MINI_GARMENTS], n = 0;
    for (int i = 0; i < p->count; i++)
        if (p->garment[i].look.pixels && p->garment[i].label == DR_LABEL_UPPER)
            upper[n++] = i;
    return n && chance(r, 0.7f) ? upper[dr_rng_below(r, n)] : mini_choose_garment(p, r);
}

/* A mask that hides one garment above all, and which: what lies under a coat is no garment to ask for. */
static dr_status choose(const mini_person *p, dr_image *mask, int *garment, dr_rng *r)
{
    int64_t hidden[MINI_GARMENTS + 1], all = 0;
    *garment = choose_garment(p, r);
    dr_status st = mini_draw_mask(mask, p, *garment, r);
    if (st)
        return st;
    mini_hidden(p, mask, hidden);
    for (int i = 0; i < p->count; i++) {
        all += hidden[i + 1];
        if (p->garment[i].look.pixels && hidden[i + 1] > hidden[*garment + 1])
            *garment = i;
    }
    if (3 * hidden[*garment + 1] >= 2 * all)
        return DR_OK;
    dr_image_clear(mask);
    return mini_mask_garment(mask, p, *garment, r);
}

dr_status mini_pair_draw(mini_example *e, dr_image *garment, const mini_wardrobe *w, const mini_flats *f, float aligned,
                         uint64_t seed, int64_t k)
{
    dr_rng r;
    dr_image photo = {0}, mask = {0};
    const char *colour[MINI_GARMENTS];
    bool mirrored = false;
    *e = (mini_example){0};
    *garment = (dr_image){0};
    dr_draw(&r, seed, k, STREAM);
    const mini_person *p = &w->person[dr_rng_below(&r, w->count)];
    int i;
    dr_status st = choose(p, &mask, &i, &r);
    if (!st)
        st = dr_image_copy(&photo, &p->photo);
    if (!st) {
        mini_recolour_all(&photo, p, &r, colour);
        st = make_garment(garment, w->size, &photo, p, i, f, &r);
    }
    if (!st)
        st = mini_example_cut(e, &photo, &mask, w->size, &r, &mirrored);
    if (!st && mirrored)
        dr_image_mirror(garment);
    if (!st && chance(&r, aligned)) {
        dr_image_clear(garment);
        st = draw_ground(garment, w->size, f, &r);
        if (!st)
            lay_in_place(garment, e, &r);
    }
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    if (st) {
        mini_example_clear(e);
        dr_image_clear(garment);
    }
    return st ? dr_fail_prefix(st, "photo '%s'", p->id) : DR_OK;
}
