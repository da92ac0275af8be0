#include "mini/pair.h"

#include "io/labels.h"
#include "learn/draw.h"
#include "mask/lay_cloth.h"
#include "mask/mask_shape.h"

#include <math.h>
#include <string.h>

#define STREAM 8       /* of dr_draw: other than the examples' */
#define PORTRAITS 0.4f /* of the pairs end in the garment, as pictures of a face and shoulders do */

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

/* A swatch: cloth with a pattern of two colours. */
static dr_status draw_swatch(dr_image *cloth, int size, dr_rng *r)
{
    dr_lab shade[2];
    float middle = 0.5f * (float)size, turn = between(r, -0.15f, 0.15f);
    float period = (float)size / between(r, 6, 26), width = between(r, 0.25f, 0.6f);
    pattern kind = (pattern)dr_rng_below(r, PATTERNS);
    bend b = draw_bend(r, (float)size, 0.03f);
    mini_colour_draw(r, &shade[0]);
    do
        mini_colour_draw(r, &shade[1]);
    while (dr_lab_distance(shade[0], shade[1]) < 25);
    dr_status st = dr_image_alloc(cloth, size, size, 3);
    for (int y = 0; !st && y < size; y++)
        for (int x = 0; x < size; x++) {
            float px = (float)x - middle, py = (float)y - middle;
            bend_place(&b, &px, &py);
            float u = (px * cosf(turn) - py * sinf(turn)) / period, v = (px * sinf(turn) + py * cosf(turn)) / period;
            float t = pattern_at(kind, u, v, width, 0.11f * (float)size / period);
            dr_lab c = {shade[0].L + t * (shade[1].L - shade[0].L), shade[0].a + t * (shade[1].a - shade[0].a),
                        shade[0].b + t * (shade[1].b - shade[0].b)};
            dr_lab_to_rgb(c, cloth->data + 3 * ((size_t)y * (size_t)size + (size_t)x));
        }
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

/* Gives garment i of the person the cloth of a photo, laid over the mask as the net will see it laid: all that it has
 * to add is what makes it worn. */
static dr_status dress(dr_image *photo, const dr_image *mask, const mini_person *p, int i, const dr_image *flat)
{
    dr_image cloth = {0};
    uint8_t value = (uint8_t)(i + 1);
    dr_status st = dr_image_copy(&cloth, photo); /* around the mask nothing changes */
    if (!st)
        st = dr_lay_cloth(&cloth, mask, flat);
    if (!st) {
        dr_look look = dr_look_of(photo, &p->garments, value);
        dr_recloth(photo, &p->garments, value, &look, &cloth);
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

/* A photo of a garment that could be worn in the place of garment i, or a swatch; left empty: the garment itself. */
static dr_status choose_cloth(dr_image *raw, const mini_person *p, int i, const mini_flats *f, dr_rng *r)
{
    float kind = dr_rng_uniform(r);
    uint8_t label = p->garment[i].label;
    const mini_flat *flat = kind < 0.6f ? mini_flats_choose(f, label, has_short_sleeves(p, i), r) : NULL;
    if (flat)
        return mini_flat_read(f, flat, raw);
    return kind < 0.8f ? draw_swatch(raw, 320, r) : DR_OK;
}

/* Dresses the person's garment i in `photo`, and makes the picture of it; `raw` is the photo that it is of. */
static dr_status make_garment(dr_image *garment, dr_image *raw, int size, dr_image *photo, const dr_image *mask,
                              const mini_person *p, int i, const mini_flats *f, dr_rng *r)
{
    dr_rect box;
    dr_status st = choose_cloth(raw, p, i, f, r);
    if (!st && raw->data) {
        st = dress(photo, mask, p, i, raw);
        return st ? st : mini_garment_fit(garment, raw, size);
    }
    if (!st)
        st = draw_ground(garment, size, f, r);
    if (!st && place_of(&p->garments, (uint8_t)(i + 1), &box))
        cut_out(garment, photo, p, i, box, r);
    return st ? st : dr_image_copy(raw, garment);
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

/* A mask that hides one garment above all, nearly all of it, and which: what lies under a coat is no garment to ask
 * for. */
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
    bool whole = 100 * hidden[*garment + 1] >= 97 * p->garment[*garment].look.pixels;
    if (whole && 3 * hidden[*garment + 1] >= 2 * all)
        return DR_OK;
    dr_image_clear(mask);
    return mini_mask_garment(mask, p, *garment, r);
}

/* What a portrait would show of the photo: it ends somewhere in the garment. The mask becomes black outside. */
static dr_rect draw_portrait(dr_image *mask, dr_rng *r)
{
    dr_rect box, all = {0, 0, mask->width, mask->height};
    if (!chance(r, PORTRAITS) || !dr_mask_bbox(mask, &box))
        return all;
    float width = (float)box.width, middle = (float)box.x + width * between(r, 0.4f, 0.6f);
    float half = width * between(r, 0.38f, 0.8f), over = width * between(r, 0.2f, 1.2f);
    int left = (int)fmaxf(middle - half, 0), right = (int)fminf(middle + half, (float)all.width);
    int top = (int)fmaxf((float)box.y - over, 0);
    int bottom = box.y + (int)((float)box.height * between(r, 0.4f, 0.95f));
    dr_rect part = {left, top, right - left, bottom - top};
    for (int y = 0; y < all.height; y++)
        for (int x = 0; x < all.width; x++)
            if (x < left || x >= right || y < top || y >= bottom)
                mask->data[(size_t)y * (size_t)all.width + (size_t)x] = 0;
    return part;
}

static dr_status crop(dr_image *im, dr_rect part)
{
    dr_image out = {0};
    dr_status st = dr_image_crop(&out, im, part.x, part.y, part.width, part.height);
    if (!st) {
        dr_image_clear(im);
        *im = out;
    }
    return st;
}

dr_status mini_pair_draw(mini_example *e, dr_image *garment, const mini_wardrobe *w, const mini_flats *f, uint64_t seed,
                         int64_t k)
{
    dr_rng r;
    dr_image photo = {0}, mask = {0}, raw = {0};
    const char *colour[MINI_GARMENTS];
    bool mirrored = false;
    dr_rect part = {0};
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
        part = draw_portrait(&mask, &r);
        st = make_garment(garment, &raw, w->size, &photo, &mask, p, i, f, &r);
    }
    if (!st)
        st = crop(&photo, part);
    if (!st)
        st = crop(&mask, part);
    if (!st)
        st = mini_example_cut(e, &photo, &mask, w->size, &r, &mirrored);
    if (!st && mirrored) {
        dr_image_mirror(garment);
        dr_image_mirror(&raw);
    }
    if (!st)
        st = dr_image_copy(&e->start, &e->photo);
    if (!st)
        st = dr_lay_cloth(&e->start, &e->mask, &raw);
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    dr_image_clear(&raw);
    if (st) {
        mini_example_clear(e);
        dr_image_clear(garment);
    }
    return st ? dr_fail_prefix(st, "photo '%s'", p->id) : DR_OK;
}
