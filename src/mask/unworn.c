#include "mask/unworn.h"

#include "base/status.h"
#include "io/labels.h"
#include "mask/body.h"
#include "mask/fill_behind.h"
#include "mask/regions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Lengths in parts of the side of a square as large as the mask. */
#define BESIDE 0.03   /* around the old garment, whose edge the parser does not know to the pixel */
#define FEATHER 0.008 /* of the seam to the photo */
#define SEEN 0.05     /* least share of the mask that the new garment has */
#define DEEP 0.12     /* how far from the photo's background what is painted may be background */
#define FEW 0.1       /* share of such a region that may lie deeper */

typedef enum kind { UPPER, LOWER, ALL } kind;

static int64_t pixels(const dr_image *im)
{
    return (int64_t)im->width * im->height;
}

static int64_t area_of(const dr_image *mask)
{
    int64_t area = 0;
    for (int64_t i = 0; i < pixels(mask); i++)
        area += mask->data[i] != 0;
    return area;
}

static bool is_lower(int label)
{
    return label == DR_LABEL_PANTS || label == DR_LABEL_SKIRT;
}

static bool is_upper(int label)
{
    return label == DR_LABEL_UPPER || label == DR_LABEL_SCARF;
}

static bool is_worn(kind k, int label)
{
    return label == DR_LABEL_DRESS || (k != LOWER && is_upper(label)) || (k != UPPER && is_lower(label)) ||
           (k == ALL && label == DR_LABEL_BELT);
}

/* What the mask is for; false where it covers no garment. */
static bool find_kind(const dr_image *labels, const dr_image *mask, kind *k)
{
    int64_t upper = 0, lower = 0, dress = 0;
    for (int64_t i = 0; i < pixels(mask); i++) {
        int label = mask->data[i] ? labels->data[i] : DR_LABEL_BACKGROUND;
        upper += is_upper(label);
        lower += is_lower(label);
        dress += label == DR_LABEL_DRESS;
    }
    int64_t less = upper < lower ? upper : lower;
    /* trousers that look out under a shirt's mask are a fifth of it, both of an overall about a half */
    *k = dress > upper + lower || 3 * less > upper + lower ? ALL : lower > upper ? LOWER : UPPER;
    return upper + lower + dress > 0;
}

/* The garment's part of the mask. */
static dr_status find_worn(const dr_image *labels, const dr_image *mask, kind k, int grow, dr_image *worn,
                           int64_t *count)
{
    dr_status st = dr_image_alloc(worn, mask->width, mask->height, 1);
    *count = 0;
    for (int64_t i = 0; !st && i < pixels(mask); i++) {
        worn->data[i] = is_worn(k, labels->data[i]) ? 255 : 0;
        *count += worn->data[i] && mask->data[i];
    }
    return st ? st : dr_mask_grow(worn, grow);
}

/* Takes the photo where alpha is 0. */
static void blend(dr_image *picture, const dr_image *photo, const dr_image *alpha)
{
    for (int64_t i = 0; i < pixels(picture); i++)
        for (int c = 0; c < 3; c++) {
            uint8_t *p = picture->data + 3 * i + c;
            int from = photo->data[3 * i + c], a = alpha->data[i];
            *p = (uint8_t)((*p * a + from * (255 - a) + 127) / 255);
        }
}

/* All at the size that masks are worked out at. */
typedef struct scene {
    dr_image mask, before, after; /* labels */
    dr_image covered;             /* where either garment is; empty where the new one is not found */
    dr_image new;                 /* where the new one is */
    double side;                  /* of a square as large as the mask */
    int64_t area;                 /* of the mask */
} scene;

static void clear_scene(scene *s)
{
    dr_image *const all[] = {&s->mask, &s->before, &s->after, &s->covered, &s->new};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dr_image_clear(all[i]);
}

static dr_status reduce(scene *s, const dr_image *mask, const dr_image *before, const dr_image *after)
{
    dr_status st = dr_labels_reduce(&s->before, before);
    if (!st)
        st = dr_labels_reduce(&s->after, after);
    if (!st)
        st = dr_image_resize(&s->mask, mask, s->before.width, s->before.height, DR_BILINEAR);
    if (st)
        return st;
    dr_mask_binarize(&s->mask);
    s->area = area_of(&s->mask);
    s->side = sqrt((double)s->area);
    return DR_OK;
}

static dr_status find_covered(scene *s)
{
    kind k;
    int64_t old_count, new_count;
    dr_image worn = {0};
    if (!find_kind(&s->before, &s->mask, &k) && !find_kind(&s->after, &s->mask, &k))
        return DR_OK;
    dr_status st = find_worn(&s->before, &s->mask, k, (int)lround(BESIDE * s->side) + 1, &worn, &old_count);
    if (!st)
        st = find_worn(&s->after, &s->mask, k, 1, &s->new, &new_count);
    if (!st)
        st = dr_image_copy(&s->covered, &s->new);
    for (int64_t i = 0; !st && i < pixels(&s->mask); i++)
        s->covered.data[i] = s->mask.data[i] && (s->covered.data[i] || worn.data[i]) ? 255 : 0;
    dr_image_clear(&worn);
    if (!st && (double)new_count < SEEN * (double)s->area)
        dr_image_clear(&s->covered);
    else if (!st)
        st = dr_fill_holes(&s->covered, s->area / 100);
    return st ? st : s->covered.data ? dr_drop_islands(&s->covered, 0.02) : DR_OK;
}

/* --- where the old garment was and the background is now --------------------------------------------------- */

/* Pixels of the photo that stay: of its background, in `behind`, and of these and the person's body in `known`. What
 * lies beside a person or the mask may be of either, and is of none. */
static dr_status find_known(const scene *s, dr_image *behind, dr_image *known)
{
    dr_status st = dr_image_copy(behind, &s->covered);
    if (!st)
        st = dr_image_copy(known, &s->covered);
    for (int64_t i = 0; !st && i < pixels(behind); i++)
        behind->data[i] = s->covered.data[i] || s->before.data[i] != DR_LABEL_BACKGROUND ? 255 : 0;
    if (!st)
        st = dr_mask_grow(behind, (int)lround(FEATHER * s->side) + 1);
    for (int64_t i = 0; !st && i < pixels(behind); i++) {
        bool body = s->before.data[i] != DR_LABEL_BACKGROUND && !s->mask.data[i];
        behind->data[i] = behind->data[i] ? 0 : 255;
        known->data[i] = behind->data[i] || body ? 255 : 0;
    }
    return st;
}

/* Drops the regions of `bare` that go deep: there the parser has not known the new garment. */
static dr_status drop_deep(dr_image *bare, const dr_image *near)
{
    dr_components c = {0};
    dr_status st = dr_components_find(&c, bare, false);
    int64_t *deep = st ? NULL : calloc((size_t)c.count + 1, sizeof *deep);
    if (!st && !deep)
        st = dr_fail(DR_ENOMEM, "out of memory");
    for (int64_t i = 0; !st && i < pixels(bare); i++)
        if (c.id[i] >= 0)
            deep[c.id[i]] += near->data[i] == 0;
    for (int64_t i = 0; !st && i < pixels(bare); i++)
        if (c.id[i] >= 0 && (double)deep[c.id[i]] > FEW * (double)c.item[c.id[i]].area)
            bare->data[i] = 0;
    free(deep);
    dr_components_clear(&c);
    return st;
}

/* The part of the mask that the old garment leaves bare: not the new one's, background to the parser, near what is
 * background in the photo, and nearer to it than to the body. */
static dr_status find_bare(const scene *s, const dr_image *behind, const dr_image *known, dr_image *bare)
{
    dr_image near = {0}, solid = {0};
    dr_status st = dr_image_copy(bare, behind);
    if (!st)
        st = dr_fill_behind(bare, known);
    if (!st)
        st = dr_image_copy(&near, behind);
    if (!st)
        st = dr_mask_grow(&near, (int)lround(DEEP * s->side));
    if (!st)
        st = dr_image_copy(&solid, &s->new);
    if (!st)
        st = dr_fill_holes(&solid, s->area / 5);
    for (int64_t i = 0; !st && i < pixels(bare); i++) {
        bool is =
            s->covered.data[i] && !solid.data[i] && s->after.data[i] == DR_LABEL_BACKGROUND && bare->data[i] >= 128;
        bare->data[i] = is ? 255 : 0;
    }
    if (!st)
        st = drop_deep(bare, &near);
    dr_image_clear(&near);
    dr_image_clear(&solid);
    return st;
}

/* Paints what is bare of the old garment with the photo's background around it. */
static dr_status paint_bare(const scene *s, const dr_image *photo, dr_image *picture)
{
    dr_image behind = {0}, known = {0}, bare = {0}, alpha = {0}, filled = {0}, large = {0};
    dr_rect box;
    dr_status st = find_known(s, &behind, &known);
    if (!st)
        st = find_bare(s, &behind, &known, &bare);
    if (!st && dr_mask_bbox(&bare, &box)) {
        st = dr_image_resize(&filled, photo, bare.width, bare.height, DR_BILINEAR);
        if (!st)
            st = dr_fill_behind(&filled, &behind);
        if (!st)
            st = dr_image_resize(&large, &filled, photo->width, photo->height, DR_BILINEAR);
        if (!st)
            st = dr_image_resize(&alpha, &bare, photo->width, photo->height, DR_BILINEAR);
        if (!st)
            dr_mask_binarize(&alpha);
        double scale = sqrt((double)pixels(photo) / (double)pixels(&bare));
        if (!st)
            st = dr_mask_feather(&alpha, (int)lround(FEATHER * s->side * scale) + 1);
        if (!st)
            blend(&large, picture, &alpha); /* where it is not bare */
        if (!st)
            memcpy(picture->data, large.data, 3 * (size_t)pixels(picture));
    }
    dr_image *const all[] = {&behind, &known, &bare, &alpha, &filled, &large};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dr_image_clear(all[i]);
    return st;
}

dr_status dr_keep_unworn(dr_image *picture, const dr_image *photo, const dr_image *mask, const dr_image *before,
                         const dr_image *after, bool *kept)
{
    scene s = {0};
    dr_image white = {0}, alpha = {0}, out = {0};
    dr_rect box;
    *kept = false;
    dr_status st = dr_image_copy(&white, mask);
    if (!st) {
        dr_mask_binarize(&white);
        st = reduce(&s, &white, before, after);
    }
    if (!st)
        st = find_covered(&s);
    if (!st && s.covered.data)
        st = dr_image_resize(&alpha, &s.covered, mask->width, mask->height, DR_BILINEAR);
    if (!st && alpha.data) {
        dr_mask_binarize(&alpha);
        st = dr_mask_feather(&alpha, (int)lround(FEATHER * sqrt((double)area_of(&white))) + 1);
    }
    if (!st && alpha.data && dr_mask_bbox(&alpha, &box)) {
        st = dr_image_copy(&out, picture);
        if (!st) {
            blend(&out, photo, &alpha);
            st = paint_bare(&s, photo, &out);
        }
        if (!st) {
            memcpy(picture->data, out.data, 3 * (size_t)pixels(picture));
            *kept = true;
        }
    }
    dr_image_clear(&white);
    dr_image_clear(&alpha);
    dr_image_clear(&out);
    clear_scene(&s);
    return st;
}
