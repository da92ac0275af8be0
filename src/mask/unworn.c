#include "mask/unworn.h"

#include "io/labels.h"
#include "mask/body.h"
#include "mask/regions.h"

#include <math.h>
#include <string.h>

/* Lengths in parts of the side of a square as large as the mask. */
#define BESIDE 0.03   /* around the old garment, whose edge the parser does not know to the pixel */
#define FEATHER 0.008 /* of the seam to the photo */
#define SEEN 0.05     /* least share of the mask that the new garment has */

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

/* Where either garment is, of the mask's (small) size; empty where the new one is not found. */
static dr_status find_covered(const dr_image *mask, const dr_image *before, const dr_image *after, dr_image *covered)
{
    kind k;
    int64_t area = area_of(mask), old_count, new_count;
    dr_image worn = {0};
    if (!find_kind(before, mask, &k) && !find_kind(after, mask, &k))
        return DR_OK;
    double side = sqrt((double)area);
    dr_status st = find_worn(before, mask, k, (int)lround(BESIDE * side) + 1, &worn, &old_count);
    if (!st)
        st = find_worn(after, mask, k, 1, covered, &new_count);
    for (int64_t i = 0; !st && i < pixels(mask); i++)
        covered->data[i] = mask->data[i] && (covered->data[i] || worn.data[i]) ? 255 : 0;
    dr_image_clear(&worn);
    if (!st && (double)new_count < SEEN * (double)area)
        dr_image_clear(covered);
    else if (!st)
        st = dr_fill_holes(covered, area / 100);
    return st ? st : covered->data ? dr_drop_islands(covered, 0.02) : DR_OK;
}

/* All at the size that masks are worked out at. */
static dr_status covered_at_full_size(const dr_image *mask, const dr_image *before, const dr_image *after,
                                      dr_image *out)
{
    dr_image old = {0}, new = {0}, small = {0}, covered = {0};
    dr_status st = dr_labels_reduce(&old, before);
    if (!st)
        st = dr_labels_reduce(&new, after);
    if (!st)
        st = dr_image_resize(&small, mask, old.width, old.height, DR_BILINEAR);
    if (!st) {
        dr_mask_binarize(&small);
        st = find_covered(&small, &old, &new, &covered);
    }
    if (!st && covered.data)
        st = dr_image_resize(out, &covered, mask->width, mask->height, DR_BILINEAR);
    dr_image_clear(&old);
    dr_image_clear(&new);
    dr_image_clear(&small);
    dr_image_clear(&covered);
    return st;
}

static void blend(dr_image *picture, const dr_image *photo, const dr_image *alpha)
{
    for (int64_t i = 0; i < pixels(picture); i++)
        for (int c = 0; c < 3; c++) {
            uint8_t *p = picture->data + 3 * i + c;
            int from = photo->data[3 * i + c], a = alpha->data[i];
            *p = (uint8_t)((*p * a + from * (255 - a) + 127) / 255);
        }
}

dr_status dr_keep_unworn(dr_image *picture, const dr_image *photo, const dr_image *mask, const dr_image *before,
                         const dr_image *after, bool *kept)
{
    dr_image white = {0}, alpha = {0};
    dr_rect box;
    *kept = false;
    dr_status st = dr_image_copy(&white, mask);
    if (!st) {
        dr_mask_binarize(&white);
        st = covered_at_full_size(&white, before, after, &alpha);
    }
    if (!st && alpha.data) {
        dr_mask_binarize(&alpha);
        st = dr_mask_feather(&alpha, (int)lround(FEATHER * sqrt((double)area_of(&white))) + 1);
    }
    if (!st && alpha.data && dr_mask_bbox(&alpha, &box)) {
        blend(picture, photo, &alpha);
        *kept = true;
    }
    dr_image_clear(&white);
    dr_image_clear(&alpha);
    return st;
}
