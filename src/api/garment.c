/* The public functions on photos of a garment; the work is in src/mask/garment_photo.h. */
#include "drape.h"

#include "mask/garment_photo.h"
#include "options/options.h"

static drape_garment_category category_of(dr_mask_category c)
{
    return c == DR_MASK_LOWER ? DRAPE_GARMENT_LOWER : c == DR_MASK_DRESS ? DRAPE_GARMENT_OVERALL : DRAPE_GARMENT_UPPER;
}

static dr_mask_category mask_of(drape_garment_category c)
{
    return c == DRAPE_GARMENT_LOWER ? DR_MASK_LOWER : c == DRAPE_GARMENT_OVERALL ? DR_MASK_DRESS : DR_MASK_UPPER;
}

static dr_status check(const drape_parser *p, const drape_image *photo, const drape_garment_options *o,
                       const char *name)
{
    dr_status st = dr_options_check(dr_garment_table, o, "");
    if (!st && (!photo->data || photo->width < 1 || photo->height < 1 || photo->channels != 3))
        st = dr_fail(DR_EINVAL, "'%s' must be a picture of 3 channels", name);
    if (!st && !p && (o->category == DRAPE_GARMENT_AUTO || o->cut != DRAPE_CUT_KEEP))
        st =
            dr_fail(DR_EINVAL, "without a clothes parser the category of '%s' must be given, and its photo kept", name);
    return st;
}

/* What the photo shows, and with `cut` the garment alone in `alone`. */
static dr_status look(drape_parser *p, const dr_image *photo, const drape_garment_options *o, const char *name,
                      dr_garment_photo *what, dr_image *alone)
{
    drape_mask_options mask = DRAPE_MASK_DEFAULTS;
    drape_image labels = {0};
    dr_image garment = {0};
    mask.name = name;
    mask.cancel = o->cancel;
    mask.user = o->user;
    dr_status st = (dr_status)drape_mask_labels(p, (const drape_image *)photo, &mask, &labels);
    if (!st)
        st = dr_garment_photo_look(what, (const dr_image *)&labels, name);
    if (o->category != DRAPE_GARMENT_AUTO) {
        what->category = mask_of(o->category);
        if (st == DR_EINVAL && o->cut == DRAPE_CUT_AUTO) { /* its kind was said, and nobody seems to wear it */
            what->worn = false;
            st = DR_OK;
        }
    }
    if (!st && (o->cut == DRAPE_CUT_OUT || (o->cut == DRAPE_CUT_AUTO && what->worn))) {
        st = dr_garment_photo_mask(&garment, (const dr_image *)&labels, what, name);
        if (!st)
            st = dr_garment_photo_cut(alone, photo, &garment);
    }
    dr_image_clear(&garment);
    drape_image_free(&labels);
    return st;
}

drape_status drape_garment(drape_parser *p, const drape_image *photo, const drape_garment_options *options,
                           drape_image *out, drape_garment_info *info)
{
    const drape_garment_options defaults = {0};
    const drape_garment_options *o = options ? options : &defaults;
    const char *name = o->name ? o->name : "the garment's photo";
    dr_garment_photo what = {.category = mask_of(o->category)};
    dr_image result = {0};
    bool all_said = o->category != DRAPE_GARMENT_AUTO && o->cut == DRAPE_CUT_KEEP;
    dr_status st = check(p, photo, o, name);
    if (!st && !all_said)
        st = look(p, (const dr_image *)photo, o, name, &what, &result);
    bool cut = result.data != NULL;
    if (!st && !cut)
        st = dr_image_copy(&result, (const dr_image *)photo);
    if (st) {
        dr_image_clear(&result);
        return (drape_status)st;
    }
    *out = (drape_image){result.width, result.height, result.channels, result.data};
    if (info)
        *info = (drape_garment_info){category_of(what.category), (drape_category)what.category, what.worn, cut};
    return DRAPE_OK;
}
