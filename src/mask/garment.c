/* From labels to masks, by the rules in docs/masks.md. */
#include "mask/garment.h"

#include "io/labels.h"
#include "mask/body.h"
#include "mask/regions.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Lengths in parts of the person's height. */
#define GROW 0.018        /* an agnostic mask beyond what it covers */
#define CLOSE 0.02        /* gaps narrower than twice this are closed */
#define KEEP_OFF 0.004    /* between mask and what is protected */
#define SHORT_SLEEVE 0.24 /* from the neck to the end of a short sleeve */
#define OUTER_BELOW 0.24  /* how far below the waist a coat may reach */

typedef struct scene {
    const dr_garment_options *o;
    dr_image labels, owner; /* reduced; labels of this person alone */
    dr_image hands;
    dr_person person;
    dr_body body;
    int lower_top; /* first row of trousers or skirt: a belt well above it is part of a jacket */
} scene;

static int64_t pixels(const dr_image *im)
{
    return (int64_t)im->width * im->height;
}

static int to_pixels(const scene *s, double part)
{
    return (int)lround(part * s->body.unit);
}

/* --- which labels ------------------------------------------------------------------------------------ */

static bool is_arm(int label)
{
    return label == DR_LABEL_LEFT_ARM || label == DR_LABEL_RIGHT_ARM;
}

static bool is_leg(int label)
{
    return label == DR_LABEL_LEFT_LEG || label == DR_LABEL_RIGHT_LEG;
}

static bool is_lower(int label)
{
    return label == DR_LABEL_PANTS || label == DR_LABEL_SKIRT;
}

static bool is_upper(int label)
{
    return label == DR_LABEL_UPPER || label == DR_LABEL_DRESS;
}

/* What has to be there for the category to make sense. */
static bool is_garment(dr_mask_category category, int label)
{
    switch (category) {
    case DR_MASK_LOWER:
        return is_lower(label) || label == DR_LABEL_DRESS;
    case DR_MASK_DRESS:
        return is_lower(label) || is_upper(label);
    default:
        return is_upper(label);
    }
}

static bool covers_arms(const scene *s, int64_t i, int y)
{
    if (s->o->category == DR_MASK_LOWER || s->hands.data[i])
        return false;
    if (s->o->sleeve == DR_SLEEVE_LONG || (s->o->category == DR_MASK_OUTER && s->o->sleeve == DR_SLEEVE_KEEP))
        return true;
    double dx = (double)(i % s->labels.width) - s->body.neck_x, dy = y - s->body.neck_y;
    return s->o->sleeve == DR_SLEEVE_SHORT && hypot(dx, dy) < SHORT_SLEEVE * s->body.unit;
}

/* Row by row, what a new garment of the category takes the place of. */
static bool covered(const scene *s, int64_t i, int y)
{
    int label = s->labels.data[i];
    bool above = y < s->body.waist, upper = s->o->category == DR_MASK_UPPER, outer = s->o->category == DR_MASK_OUTER;
    if (is_arm(label))
        return covers_arms(s, i, y);
    if (label == DR_LABEL_FACE) /* the label is neck and chest below the chin */
        return s->o->category != DR_MASK_LOWER && y > s->body.chin + 0.02 * s->body.unit;
    if (s->o->category == DR_MASK_DRESS)
        return is_upper(label) || is_lower(label) || is_leg(label) || label == DR_LABEL_BELT || label == DR_LABEL_SCARF;
    if (upper || outer) {
        if (outer && y < s->body.waist + OUTER_BELOW * s->body.unit && (is_lower(label) || is_leg(label)))
            return true;
        return label == DR_LABEL_UPPER || label == DR_LABEL_SCARF || (label == DR_LABEL_BELT && outer) ||
               (label == DR_LABEL_DRESS && (above || outer));
    }
    bool belt = label == DR_LABEL_BELT && y > s->lower_top - 0.04 * s->body.unit;
    return is_lower(label) || is_leg(label) || belt || (label == DR_LABEL_DRESS && !above);
}

/* Never painted over: who is beside, and what of the person is not cloth. */
static bool protected_from(const scene *s, int64_t i, int y)
{
    int label = s->labels.data[i];
    if (s->owner.data[i])
        return true;
    if (label == DR_LABEL_FACE)
        return s->o->category == DR_MASK_LOWER || y <= s->body.chin + 0.02 * s->body.unit;
    return s->hands.data[i] || label == DR_LABEL_HAIR || label == DR_LABEL_HAT || label == DR_LABEL_SUNGLASSES ||
           label == DR_LABEL_BAG || label == DR_LABEL_LEFT_SHOE || label == DR_LABEL_RIGHT_SHOE;
}

/* --- the scene ---------------------------------------------------------------------------------------- */

static dr_status missing_person(int wanted, int found, const char *name)
{
    if (found == 0)
        return dr_fail(DR_EINVAL, "'%s' shows no person that the clothes parser could find; paint a mask by hand",
                       name);
    return dr_fail(DR_EINVAL, "person %d was asked for, '%s' shows %d", wanted, name, found);
}

/* "pants, shoes": what the person wears. */
static void list_clothes(const dr_image *labels, char *out, size_t n)
{
    static const int clothes[] = {DR_LABEL_UPPER, DR_LABEL_DRESS, DR_LABEL_SKIRT, DR_LABEL_PANTS, DR_LABEL_SCARF};
    int64_t count[256] = {0};
    for (int64_t i = 0; i < pixels(labels); i++)
        count[labels->data[i]]++;
    snprintf(out, n, "none that it knows");
    for (size_t k = 0, at = 0; k < sizeof clothes / sizeof *clothes; k++)
        if (count[clothes[k]])
            at += (size_t)snprintf(out + at, at < n ? n - at : 0, "%s%s", at ? ", " : "", dr_label_name(clothes[k]));
}

static dr_status check_garment(const scene *s, const char *name)
{
    static const char *const words[] = {"upper garment", "lower garment", "dress or garments to replace by one",
                                        "upper garment to wear something over"};
    int64_t n = 0;
    char worn[160];
    for (int64_t i = 0; i < pixels(&s->labels); i++)
        n += is_garment(s->o->category, s->labels.data[i]);
    if ((double)n > 1e-3 * s->body.unit * s->body.unit)
        return DR_OK;
    list_clothes(&s->labels, worn, sizeof worn);
    return dr_fail(DR_EINVAL, "'%s' shows no %s that the clothes parser could find; what it found: %s", name,
                   words[s->o->category], worn);
}

static int find_lower_top(const dr_image *labels)
{
    for (int64_t i = 0; i < pixels(labels); i++)
        if (is_lower(labels->data[i]))
            return (int)(i / labels->width);
    return labels->height;
}

static dr_status look(scene *s, const dr_image *labels, const char *name)
{
    enum { MOST = 255 };
    dr_person found[MOST];
    dr_status st = dr_labels_reduce(&s->labels, labels);
    int n = st ? 0 : dr_persons_in(&s->labels, found, MOST, &s->owner), k = s->o->person > 0 ? s->o->person : 1;
    if (!st && n < 0)
        st = (dr_status)n;
    if (!st && k > n)
        st = missing_person(k, n, name);
    if (st)
        return st;
    for (int64_t i = 0; i < pixels(&s->labels); i++) { /* owner: from here on, somebody else */
        bool mine = s->owner.data[i] == k;
        s->labels.data[i] = mine ? s->labels.data[i] : DR_LABEL_BACKGROUND;
        s->owner.data[i] = s->owner.data[i] && !mine;
    }
    s->person = found[k - 1];
    s->body = dr_body_measure(&s->labels, &s->person);
    s->lower_top = find_lower_top(&s->labels);
    st = check_garment(s, name);
    if (!st)
        st = dr_image_alloc(&s->hands, s->labels.width, s->labels.height, 1);
    if (st)
        return st;
    memset(s->hands.data, 0, (size_t)pixels(&s->hands));
    return dr_body_hands(&s->labels, &s->body, &s->hands);
}

static void leave(scene *s)
{
    dr_image_clear(&s->labels);
    dr_image_clear(&s->owner);
    dr_image_clear(&s->hands);
}

/* --- agnostic ----------------------------------------------------------------------------------------- */

static dr_status protect(const scene *s, dr_image *mask)
{
    dr_image keep = {0};
    dr_status st = dr_image_alloc(&keep, mask->width, mask->height, 1);
    for (int y = 0; !st && y < keep.height; y++)
        for (int x = 0; x < keep.width; x++) {
            int64_t i = (int64_t)y * keep.width + x;
            keep.data[i] = protected_from(s, i, y) ? 255 : 0;
        }
    dr_image wide = {0};
    if (!st)
        st = dr_image_copy(&wide, &keep);
    if (!st)
        st = dr_mask_grow(&wide, to_pixels(s, KEEP_OFF));
    for (int y = 0; !st && y < keep.height; y++)
        for (int x = 0; x < keep.width; x++) {
            int64_t i = (int64_t)y * keep.width + x;
            /* the distance is kept from what is around, not from the garment itself */
            if (keep.data[i] || (wide.data[i] && !covered(s, i, y)))
                mask->data[i] = 0;
        }
    dr_image_clear(&keep);
    dr_image_clear(&wide);
    return st;
}

static dr_status agnostic(const scene *s, dr_image *mask)
{
    for (int y = 0; y < mask->height; y++)
        for (int x = 0; x < mask->width; x++) {
            int64_t i = (int64_t)y * mask->width + x;
            mask->data[i] = covered(s, i, y) ? 255 : 0;
        }
    int64_t speck = (int64_t)(0.01 * s->body.unit * s->body.unit);
    dr_status st = dr_drop_islands(mask, 0.03);
    if (!st)
        st = dr_mask_grow(mask, to_pixels(s, CLOSE));
    if (!st)
        st = dr_mask_grow(mask, to_pixels(s, GROW + s->o->grow - CLOSE));
    if (!st)
        st = dr_mask_smooth(mask, to_pixels(s, 0.008));
    if (!st)
        st = dr_fill_holes(mask, speck);
    if (!st)
        st = protect(s, mask);
    return st ? st : dr_drop_islands(mask, 0.02);
}

/* --- garment ------------------------------------------------------------------------------------------ */

static bool of_garment(const scene *s, int label, bool one_piece)
{
    switch (s->o->category) {
    case DR_MASK_LOWER:
        return is_lower(label);
    case DR_MASK_DRESS:
        return one_piece ? label == DR_LABEL_DRESS : is_upper(label) || is_lower(label);
    default:
        return label == DR_LABEL_UPPER;
    }
}

/* The garment as it is; a dress stands in where the category's own label is not there. */
static dr_status garment(const scene *s, dr_image *mask)
{
    int64_t count[256] = {0}, own = 0;
    for (int64_t i = 0; i < pixels(mask); i++)
        count[s->labels.data[i]]++;
    bool one_piece = count[DR_LABEL_DRESS] > 0;
    for (int k = 0; k < DR_LABELS; k++)
        own += of_garment(s, k, one_piece) ? count[k] : 0;
    bool dress = (double)own <= 1e-3 * s->body.unit * s->body.unit;
    for (int64_t i = 0; i < pixels(mask); i++) {
        int label = s->labels.data[i];
        mask->data[i] = (dress ? label == DR_LABEL_DRESS : of_garment(s, label, one_piece)) ? 255 : 0;
    }
    dr_status st = dr_drop_islands(mask, 0.05);
    if (!st)
        st = dr_fill_holes(mask, (int64_t)(4e-4 * s->body.unit * s->body.unit));
    if (!st)
        st = dr_mask_smooth(mask, to_pixels(s, 0.002));
    return st ? st : dr_mask_grow(mask, to_pixels(s, s->o->grow));
}

/* --- the whole ------------------------------------------------------------------------------------------ */

static bool is_empty(const dr_image *mask)
{
    dr_rect box;
    return !dr_mask_bbox(mask, &box);
}

dr_status dr_garment_mask(dr_image *out, const dr_image *labels, const dr_garment_options *o, const char *name)
{
    scene s = {.o = o};
    dr_image mask = {0}, full = {0};
    dr_status st = look(&s, labels, name);
    if (!st)
        st = dr_image_alloc(&mask, s.labels.width, s.labels.height, 1);
    if (!st)
        st = o->what == DR_MASK_GARMENT ? garment(&s, &mask) : agnostic(&s, &mask);
    if (!st)
        st = dr_image_resize(&full, &mask, labels->width, labels->height, DR_BILINEAR);
    if (!st) {
        dr_mask_binarize(&full);
        if (is_empty(&full))
            st = dr_fail(DR_EINVAL, "nothing is left of the mask of '%s'; grow it more", name);
    }
    leave(&s);
    dr_image_clear(&mask);
    if (st)
        dr_image_clear(&full);
    else
        *out = full;
    return st;
}
