#include "mini/example.h"

#include "io/labels.h"
#include "learn/draw.h"
#include "mask/garment.h"
#include "mask/mask_shape.h"
#include "mini/photos.h"
#include "tryon/region.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define STREAM 7   /* of dr_draw: another than the crops' */
#define HEIGHT 512 /* of a photo that lengths in pixels below are meant for: others in proportion */

static float between(dr_rng *r, float low, float high)
{
    return low + (high - low) * dr_rng_uniform(r);
}

static int in_proportion(const dr_image *photo, float pixels)
{
    return (int)lroundf(pixels * (float)photo->height / HEIGHT);
}

static bool chance(dr_rng *r, float p)
{
    return dr_rng_uniform(r) < p;
}

/* --- garments of another colour ------------------------------------------------------------------------ */

/* Labelled colours are badly balanced (nearly half of the garments are black): most are given a new one. */
void mini_recolour_all(dr_image *photo, const mini_person *p, dr_rng *r, const char *colour[MINI_GARMENTS])
{
    for (int i = 0; i < p->count; i++) {
        const mini_garment *g = &p->garment[i];
        bool wanted = chance(r, 0.7f);
        dr_lab shade;
        const char *name = mini_colour_draw(r, &shade);
        colour[i] = mini_colour_name(g->look.mean);
        if (wanted && g->look.pixels) {
            dr_recolour(photo, &p->garments, (uint8_t)(i + 1), &g->look, shade);
            colour[i] = name;
        }
    }
}

/* --- masks --------------------------------------------------------------------------------------------- */

static dr_mask_category category_of(const mini_garment *g, dr_rng *r)
{
    bool coat = strcmp(g->word, "coat") == 0 || strcmp(g->word, "jacket") == 0 || strcmp(g->word, "cape") == 0;
    switch (g->label) {
    case DR_LABEL_UPPER:
        return coat && chance(r, 0.4f) ? DR_MASK_OUTER : DR_MASK_UPPER;
    case DR_LABEL_DRESS:
        return chance(r, 0.2f) ? DR_MASK_UPPER : DR_MASK_DRESS;
    default:
        return chance(r, 0.15f) ? DR_MASK_DRESS : DR_MASK_LOWER;
    }
}

/* What try-on masks: where any garment of the category may go. */
static dr_status mask_place(dr_image *mask, const mini_person *p, const mini_garment *g, dr_rng *r)
{
    dr_garment_options o = DR_GARMENT_DEFAULTS;
    o.category = category_of(g, r);
    float sleeve = dr_rng_uniform(r);
    o.sleeve = sleeve < 0.5f ? DR_SLEEVE_KEEP : sleeve < 0.8f ? DR_SLEEVE_LONG : DR_SLEEVE_SHORT;
    o.grow = (double)between(r, -0.004f, 0.02f);
    return dr_garment_mask(mask, &p->labels, &o, p->id);
}

/* What fine-tuning masks: the garment, more or less exactly. */
dr_status mini_mask_garment(dr_image *mask, const mini_person *p, int garment, dr_rng *r)
{
    dr_status st = dr_image_alloc(mask, p->garments.width, p->garments.height, 1);
    for (int64_t i = 0; !st && i < (int64_t)mask->width * mask->height; i++)
        mask->data[i] = p->garments.data[i] == garment + 1 ? 255 : 0;
    return st ? st : dr_mask_grow(mask, in_proportion(mask, between(r, 0, 12.5f)));
}

static void disc(dr_image *mask, float cx, float cy, float radius)
{
    for (int y = (int)(cy - radius); y <= (int)(cy + radius); y++)
        for (int x = (int)(cx - radius); x <= (int)(cx + radius); x++)
            if (x >= 0 && y >= 0 && x < mask->width && y < mask->height &&
                hypotf((float)x - cx, (float)y - cy) <= radius)
                mask->data[(size_t)y * (size_t)mask->width + (size_t)x] = 255;
}

/* Strokes of a thick brush over the garment's box, or a box of its own. */
static dr_status mask_by_hand(dr_image *mask, const dr_image *garment, dr_rng *r)
{
    dr_rect b = {0};
    dr_status st = dr_image_alloc(mask, garment->width, garment->height, 1);
    if (st || !dr_mask_bbox(garment, &b))
        return st;
    memset(mask->data, 0, (size_t)mask->width * (size_t)mask->height);
    if (chance(r, 0.5f)) {
        int w = (int)((float)b.width * between(r, 0.4f, 1.2f)), h = (int)((float)b.height * between(r, 0.4f, 1.2f));
        int x0 = b.x + (int)((float)(b.width - w) * dr_rng_uniform(r)),
            y0 = b.y + (int)((float)(b.height - h) * dr_rng_uniform(r));
        for (int y = y0 < 0 ? 0 : y0; y < y0 + h && y < mask->height; y++)
            for (int x = x0 < 0 ? 0 : x0; x < x0 + w && x < mask->width; x++)
                mask->data[(size_t)y * (size_t)mask->width + (size_t)x] = 255;
        return DR_OK;
    }
    for (int stroke = 0; stroke < 4; stroke++) {
        float x0 = (float)b.x + between(r, 0, 1) * (float)b.width, y0 = (float)b.y + between(r, 0, 1) * (float)b.height;
        float x1 = (float)b.x + between(r, 0, 1) * (float)b.width, y1 = (float)b.y + between(r, 0, 1) * (float)b.height;
        float radius = (float)in_proportion(mask, between(r, 8, 30));
        for (int i = 0; i <= 16; i++)
            disc(mask, x0 + (x1 - x0) * (float)i / 16, y0 + (y1 - y0) * (float)i / 16, radius);
    }
    return DR_OK;
}

dr_status mini_draw_mask(dr_image *mask, const mini_person *p, int garment, dr_rng *r)
{
    float kind = dr_rng_uniform(r);
    if (kind < 0.55f && mask_place(mask, p, &p->garment[garment], r) == DR_OK)
        return DR_OK;
    dr_status st = mini_mask_garment(mask, p, garment, r);
    if (st || kind < 0.85f)
        return st;
    dr_image exact = *mask;
    *mask = (dr_image){0};
    st = mask_by_hand(mask, &exact, r);
    dr_image_clear(&exact);
    return st;
}

/* --- framing ------------------------------------------------------------------------------------------- */

/* As try-on frames a mask, or nearer, or from farther away. */
static dr_region frame(const dr_image *mask, dr_rect box, int size, dr_rng *r)
{
    dr_region_options o = {size, size, (int)between(r, 4, 64), 2};
    dr_region region = dr_region_around(box, mask->width, mask->height, &o);
    if (chance(r, 0.4f))
        return region;
    int longer = box.width > box.height ? box.width : box.height;
    int shorter = mask->width < mask->height ? mask->width : mask->height;
    int side = (int)((float)longer * between(r, 0.8f, 1.6f));
    int least = in_proportion(mask, 120);
    side = side < least ? least : side > shorter ? shorter : side;
    int x = box.x + box.width / 2 - side / 2 + (int)((float)side * between(r, -0.12f, 0.12f));
    int y = box.y + box.height / 2 - side / 2 + (int)((float)side * between(r, -0.12f, 0.12f));
    x = x < 0 ? 0 : x > mask->width - side ? mask->width - side : x;
    y = y < 0 ? 0 : y > mask->height - side ? mask->height - side : y;
    return (dr_region){
        .photo = {x, y, side, side}, .canvas = {0, 0, size, size}, .canvas_width = size, .canvas_height = size};
}

/* --- words --------------------------------------------------------------------------------------------- */

/* Other words for the same. */
static const char *another_word(const char *word, dr_rng *r)
{
    static const char *const same[][3] = {{"pants", "trousers", "trousers"}, {"sweater", "pullover", "jumper"},
                                          {"t-shirt", "tshirt", "tee"},      {"top", "top", "shirt"},
                                          {"jeans", "denim jeans", "jeans"}, {"shirt", "button-up shirt", "shirt"}};
    if (chance(r, 0.3f))
        for (size_t i = 0; i < sizeof same / sizeof *same; i++)
            if (strcmp(same[i][0], word) == 0)
                return same[i][1 + dr_rng_below(r, 2)];
    return word;
}

static const char *another_colour(const char *colour, dr_rng *r)
{
    static const char *const same[][2] = {{"grey", "gray"},    {"dark red", "burgundy"}, {"navy", "dark blue"},
                                          {"lilac", "violet"}, {"magenta", "hot pink"},  {"light grey", "silver"},
                                          {"beige", "tan"},    {"cream", "off-white"},   {"light blue", "sky blue"}};
    if (chance(r, 0.3f))
        for (size_t i = 0; i < sizeof same / sizeof *same; i++)
            if (strcmp(same[i][0], colour) == 0)
                return same[i][1];
    return colour;
}

static void phrase(char *out, size_t n, const char *colour, const char *word, dr_rng *r)
{
    static const char *const openings[] = {"", "", "", "a ", "a ", "a ", "a person wearing a ", "a photo of a "};
    const char *opening = openings[dr_rng_below(r, (int64_t)(sizeof openings / sizeof *openings))];
    word = another_word(word, r);
    colour = chance(r, 0.04f) ? "" : another_colour(colour, r);
    int length = (int)strlen(opening);
    bool vowel = false;
    if (length && word[strlen(word) - 1] == 's' && strcmp(word, "dress") != 0)
        length -= 2; /* trousers have no article */
    else if (length && colour[0] && strchr("aeiou", colour[0]))
        vowel = true;
    if (vowel)
        snprintf(out, n, "%.*sn %s %s", length - 1, opening, colour, word);
    else
        snprintf(out, n, "%.*s%s%s%s", length, opening, colour, colour[0] ? " " : "", word);
}

int64_t mini_hidden(const mini_person *p, const dr_image *mask, int64_t hidden[MINI_GARMENTS + 1])
{
    int64_t white = 0;
    memset(hidden, 0, (MINI_GARMENTS + 1) * sizeof *hidden);
    for (int64_t i = 0; i < (int64_t)mask->width * mask->height; i++)
        if (mask->data[i]) {
            hidden[p->garments.data[i]]++;
            white++;
        }
    return white;
}

/* Names what the mask hides, the larger garment first; a second one if it is a good part. */
static void caption(mini_example *e, const mini_person *p, const dr_image *mask, const char *const *colour, dr_rng *r)
{
    int64_t hidden[MINI_GARMENTS + 1], white = mini_hidden(p, mask, hidden);
    int first = 1, second = 0;
    for (int i = 2; i <= p->count; i++)
        if (hidden[i] > hidden[first])
            first = i;
    for (int i = 1; i <= p->count; i++)
        if (i != first && (!second || hidden[i] > hidden[second]))
            second = i;
    e->caption[0] = 0;
    if (hidden[first] * 5 < white)
        return; /* mostly something else: no words */
    phrase(e->caption, sizeof e->caption, colour[first - 1], p->garment[first - 1].word, r);
    if (second && hidden[second] * 10 > 3 * hidden[first]) {
        char more[80];
        snprintf(more, sizeof more, " and %s %s", another_colour(colour[second - 1], r), p->garment[second - 1].word);
        strncat(e->caption, more, sizeof e->caption - strlen(e->caption) - 1);
    }
}

/* --- the whole ----------------------------------------------------------------------------------------- */

int mini_choose_garment(const mini_person *p, dr_rng *r)
{
    int large[MINI_GARMENTS], n = 0;
    for (int i = 0; i < p->count; i++)
        if (p->garment[i].look.pixels)
            large[n++] = i;
    return n ? large[dr_rng_below(r, n)] : 0;
}

dr_status mini_example_cut(mini_example *e, const dr_image *photo, const dr_image *mask, int size, dr_rng *r,
                           bool *mirrored)
{
    dr_rect box;
    if (!dr_mask_bbox(mask, &box))
        return dr_fail(DR_EINVAL, "nothing is masked");
    dr_region region = frame(mask, box, size, r);
    dr_status st = dr_region_extract(&e->photo, &e->mask, photo, mask, &region);
    *mirrored = !st && chance(r, 0.5f);
    if (*mirrored) {
        dr_image_mirror(&e->photo);
        dr_image_mirror(&e->mask);
    }
    return st;
}

dr_status mini_example_draw(mini_example *e, const mini_wardrobe *w, uint64_t seed, int64_t k)
{
    dr_rng r;
    dr_image photo = {0}, mask = {0};
    const char *colour[MINI_GARMENTS];
    bool mirrored;
    *e = (mini_example){0};
    dr_draw(&r, seed, k, STREAM);
    const mini_person *p = &w->person[dr_rng_below(&r, w->count)];
    dr_status st = mini_draw_mask(&mask, p, mini_choose_garment(p, &r), &r);
    if (!st)
        st = dr_image_copy(&photo, &p->photo);
    if (!st) {
        mini_recolour_all(&photo, p, &r, colour);
        caption(e, p, &mask, colour, &r);
        st = mini_example_cut(e, &photo, &mask, w->size, &r, &mirrored);
    }
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    if (st)
        mini_example_clear(e);
    return st ? dr_fail_prefix(st, "photo '%s'", p->id) : DR_OK;
}

void mini_example_clear(mini_example *e)
{
    dr_image_clear(&e->photo);
    dr_image_clear(&e->mask);
    dr_image_clear(&e->start);
}
