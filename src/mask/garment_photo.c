#include "mask/garment_photo.h"

#include "io/labels.h"
#include "mask/body.h"
#include "mask/mask_shape.h"
#include "mask/regions.h"

#include <string.h>

/* Parsers see a hand or a neck in many a garment that lies, but hardly three kinds of what only persons have. */
#define LEAST 0.005 /* of the picture: less is no garment */
#define PART 0.005  /* of the clothes: less of a person's part is none */
#define PARTS 3     /* of face, hair, skin and shoes: so many, and somebody wears the clothes */
#define FACE 0.1    /* of the clothes: so much face alone says it, too */
#define SKIN 0.25   /* the same, of arms and legs together; sleeves that lie are taken for arms at times */
#define OTHER 0.5   /* of the upper clothes: a person's lower ones need more than that to be what is meant */
#define AIR 0.05    /* of the box, on each side of a garment that was cut out */

typedef struct tally {
    int64_t pixels, upper, lower, dress, face, skin, hair, shoes;
} tally;

static tally count(const dr_image *labels)
{
    int64_t n[256] = {0};
    tally t = {.pixels = (int64_t)labels->width * labels->height};
    for (int64_t i = 0; i < t.pixels; i++)
        n[labels->data[i]]++;
    t.upper = n[DR_LABEL_UPPER];
    t.lower = n[DR_LABEL_PANTS] + n[DR_LABEL_SKIRT];
    t.dress = n[DR_LABEL_DRESS];
    t.face = n[DR_LABEL_FACE];
    t.skin = n[DR_LABEL_LEFT_ARM] + n[DR_LABEL_RIGHT_ARM] + n[DR_LABEL_LEFT_LEG] + n[DR_LABEL_RIGHT_LEG];
    t.hair = n[DR_LABEL_HAIR];
    t.shoes = n[DR_LABEL_LEFT_SHOE] + n[DR_LABEL_RIGHT_SHOE];
    return t;
}

static bool is_worn(const tally *t, double clothes)
{
    const int64_t parts[] = {t->face, t->hair, t->skin, t->shoes};
    int seen = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        seen += (double)parts[i] > PART * clothes;
    return seen >= PARTS || (double)t->face > FACE * clothes || (double)t->skin > SKIN * clothes;
}

dr_status dr_garment_photo_look(dr_garment_photo *out, const dr_image *labels, const char *name)
{
    tally t = count(labels);
    double clothes = (double)(t.upper + t.lower + t.dress);
    if (clothes < LEAST * (double)t.pixels)
        return dr_fail(DR_EINVAL,
                       "no garment is found in '%s'; say which kind it is (category) and keep the photo as it is",
                       name);
    out->worn = is_worn(&t, clothes);
    double upper = (double)t.upper, lower = (double)t.lower, dress = (double)t.dress;
    if (out->worn) /* trousers are in most photos of somebody who shows a shirt, hardly the reverse */
        lower *= OTHER;
    out->category = dress >= upper && dress >= lower ? DR_MASK_DRESS : upper >= lower ? DR_MASK_UPPER : DR_MASK_LOWER;
    return DR_OK;
}

static bool belongs(int label, dr_mask_category category)
{
    switch (category) {
    case DR_MASK_LOWER:
        return label == DR_LABEL_PANTS || label == DR_LABEL_SKIRT || label == DR_LABEL_DRESS;
    case DR_MASK_DRESS:
        return label == DR_LABEL_DRESS || label == DR_LABEL_UPPER || label == DR_LABEL_PANTS ||
               label == DR_LABEL_SKIRT || label == DR_LABEL_BELT;
    default:
        return label == DR_LABEL_UPPER || label == DR_LABEL_DRESS;
    }
}

/* Without a person there is no body to go by: whatever is not background belongs to the garment, since labels within
 * one that lies are often others' (a sleeve is an arm, a hood a hat). */
static dr_status lying(dr_image *out, const dr_image *labels, const dr_garment_photo *what, const char *name)
{
    int64_t n = (int64_t)labels->width * labels->height, own = 0;
    dr_status st = dr_image_alloc(out, labels->width, labels->height, 1);
    for (int64_t i = 0; !st && i < n; i++) {
        own += belongs(labels->data[i], what->category);
        out->data[i] = labels->data[i] == DR_LABEL_BACKGROUND ? 0 : 255;
    }
    if (!st && (double)own < LEAST * (double)n)
        st = dr_fail(DR_EINVAL, "no such garment is found in '%s'; keep the photo as it is", name);
    if (!st)
        st = dr_drop_islands(out, 0.2);
    if (!st)
        st = dr_fill_holes(out, n / 200);
    if (st)
        dr_image_clear(out);
    return st;
}

dr_status dr_garment_photo_mask(dr_image *out, const dr_image *labels, const dr_garment_photo *what, const char *name)
{
    const dr_garment_options o = {.what = DR_MASK_GARMENT, .category = what->category};
    *out = (dr_image){0};
    return what->worn ? dr_garment_mask(out, labels, &o, name) : lying(out, labels, what, name);
}

/* The box with air around it, inside the picture or not. */
static dr_rect with_air(dr_rect box)
{
    int air = (int)(AIR * (box.width > box.height ? box.width : box.height)) + 1;
    return (dr_rect){box.x - air, box.y - air, box.width + 2 * air, box.height + 2 * air};
}

dr_status dr_garment_photo_cut(dr_image *out, const dr_image *photo, const dr_image *mask)
{
    dr_rect box;
    dr_image alpha = {0};
    DR_ASSERT(photo->channels == 3 && mask->channels == 1 && photo->width == mask->width &&
                  photo->height == mask->height && dr_mask_bbox(mask, &box),
              "cut by a mask of %dx%d", mask->width, mask->height);
    dr_rect r = with_air(box);
    int side = box.width < box.height ? box.width : box.height;
    dr_status st = dr_image_copy(&alpha, mask);
    if (!st)
        st = dr_mask_feather(&alpha, side / 256); /* a hard edge is seen as one */
    if (!st)
        st = dr_image_alloc(out, r.width, r.height, 3);
    if (!st)
        memset(out->data, 255, (size_t)r.width * (size_t)r.height * 3);
    for (int y = 0; !st && y < r.height; y++)
        for (int x = 0; x < r.width; x++) {
            int px = r.x + x, py = r.y + y;
            if (px < 0 || py < 0 || px >= photo->width || py >= photo->height)
                continue;
            size_t i = (size_t)py * (size_t)photo->width + (size_t)px;
            uint8_t *to = out->data + ((size_t)y * (size_t)r.width + (size_t)x) * 3;
            for (size_t k = 0; k < 3; k++)
                to[k] = (uint8_t)((photo->data[3 * i + k] * alpha.data[i] + 255 * (255 - alpha.data[i]) + 127) / 255);
        }
    dr_image_clear(&alpha);
    return st;
}
