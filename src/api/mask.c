/* The public functions on masks: checks of what a caller may get wrong; the work is in src/mask and pipeline/parser.h.
 */
#include "drape.h"

#include "api/parser.h"
#include "mask/garment.h"
#include "mask/mask_shape.h"
#include "mask/unworn.h"
#include "options/options.h"
#include "pipeline/shipped.h"

#include <limits.h>
#include <stdlib.h>

_Static_assert(DRAPE_MASK_GARMENT == (int)DR_MASK_GARMENT && DRAPE_UPPER == (int)DR_MASK_UPPER &&
                   DRAPE_OUTER == (int)DR_MASK_OUTER && DRAPE_SLEEVE_KEEP == (int)DR_SLEEVE_KEEP &&
                   DRAPE_SLEEVE_SHORT == (int)DR_SLEEVE_SHORT && DRAPE_LABELS == (int)DR_LABELS,
               "the public numbers are ours");

/* --- parsers ------------------------------------------------------------------------------------ */

drape_status drape_parser_load(drape_parser **out, const char *dir)
{
    char found[PATH_MAX];
    *out = NULL;
    dr_status st = dir ? DR_OK : dr_parser_find(found, sizeof found);
    if (st)
        return (drape_status)st;
    drape_parser *p = calloc(1, sizeof *p);
    st = p ? dr_parser_load(&p->parser, dir ? dir : found) : dr_fail(DR_ENOMEM, "out of memory");
    if (st)
        free(p);
    else
        *out = p;
    return (drape_status)st;
}

void drape_parser_free(drape_parser *p)
{
    if (p)
        dr_parser_unload(&p->parser);
    free(p);
}

const char *drape_parser_dir(const drape_parser *p)
{
    return p->parser.dir;
}

const char *drape_parser_unknown(const drape_parser *p)
{
    return p->parser.unknown;
}

const char *drape_label_name(int label)
{
    return label >= 0 && label < DR_LABELS ? dr_label_name(label) : NULL;
}

/* --- checks ------------------------------------------------------------------------------------- */

static const char *name_of(const drape_mask_options *o)
{
    return o->name ? o->name : "the photo";
}

static dr_status check_picture(const drape_image *im, int channels, const char *what)
{
    if (!im->data || im->width < 1 || im->height < 1)
        return dr_fail(DR_EINVAL, "%s is empty", what);
    if (im->channels != channels)
        return dr_fail(DR_EINVAL, "%s has %d channels, must have %d", what, im->channels, channels);
    return DR_OK;
}

static dr_status check_same_size(const drape_image *a, const char *what, const drape_image *b, const char *other)
{
    if (a->width == b->width && a->height == b->height)
        return DR_OK;
    return dr_fail(DR_EINVAL, "%s is %dx%d, must have the size of %s, %dx%d", what, a->width, a->height, other,
                   b->width, b->height);
}

/* Values are indexes further down. */
static dr_status check_labels(const drape_image *labels)
{
    dr_status st = check_picture(labels, 1, "the label map");
    for (size_t i = 0; !st && i < (size_t)labels->width * (size_t)labels->height; i++)
        if (labels->data[i] >= DR_LABELS)
            st = dr_fail(DR_EINVAL, "the label map has the value %d, must be below %d", labels->data[i], DR_LABELS);
    return st;
}

static dr_status check_options(const drape_mask_options *o)
{
    return dr_options_check(dr_mask_table, o, "");
}

static drape_mask_options options_or_defaults(const drape_mask_options *o)
{
    drape_mask_options defaults = DRAPE_MASK_DEFAULTS;
    return o ? *o : defaults;
}

/* `out` is written on success alone. */
static drape_status give(drape_image *out, const dr_image *result, dr_status st)
{
    if (!st)
        *out = (drape_image){result->width, result->height, result->channels, result->data};
    return (drape_status)st;
}

/* --- from a photo to a mask ---------------------------------------------------------------------- */

drape_status drape_mask_labels(drape_parser *p, const drape_image *photo, const drape_mask_options *options,
                               drape_image *out)
{
    drape_mask_options o = options_or_defaults(options);
    dr_image labels = {0};
    dr_status st = check_picture(photo, 3, name_of(&o));
    if (!st)
        st = dr_parser_run(&p->parser, (const dr_image *)photo, o.cancel, o.user, &labels);
    return give(out, &labels, st);
}

drape_status drape_mask_from_labels(const drape_image *labels, const drape_mask_options *options, drape_image *out)
{
    drape_mask_options o = options_or_defaults(options);
    dr_garment_options rules = {(dr_mask_what)o.what, (dr_mask_category)o.category, (dr_mask_sleeve)o.sleeve, o.person,
                                o.grow};
    dr_image mask = {0};
    dr_status st = check_options(&o);
    if (!st)
        st = check_labels(labels);
    if (!st)
        st = dr_garment_mask(&mask, (const dr_image *)labels, &rules, name_of(&o));
    return give(out, &mask, st);
}

drape_status drape_mask(drape_parser *p, const drape_image *photo, const drape_mask_options *options, drape_image *out)
{
    drape_mask_options o = options_or_defaults(options);
    drape_image labels = {0};
    drape_status st = (drape_status)check_options(&o); /* before the long work */
    if (!st)
        st = drape_mask_labels(p, photo, &o, &labels);
    if (!st)
        st = drape_mask_from_labels(&labels, &o, out);
    drape_image_free(&labels);
    return st;
}

int drape_mask_persons(const drape_image *labels, drape_person *out, int max)
{
    dr_status st = check_labels(labels);
    dr_person *found = calloc(max > 0 ? (size_t)max : 1, sizeof *found);
    if (!st && !found)
        st = dr_fail(DR_ENOMEM, "out of memory");
    int n = st ? (int)st : dr_persons_find((const dr_image *)labels, found, max > 0 ? max : 0, NULL);
    for (int i = 0; i < n && i < max; i++)
        out[i] = (drape_person){found[i].x, found[i].y, found[i].width, found[i].height, found[i].area};
    free(found);
    return n;
}

drape_status drape_mask_refine(const drape_image *rough, const drape_image *photo, const drape_image *labels,
                               const drape_mask_options *options, drape_image *out)
{
    drape_mask_options o = options_or_defaults(options);
    dr_image mask = {0};
    dr_status st = check_picture(rough, 1, "the mask");
    if (!st)
        st = check_picture(photo, 3, name_of(&o));
    if (!st)
        st = check_labels(labels);
    if (!st)
        st = check_same_size(rough, "the mask", photo, name_of(&o));
    if (!st)
        st = check_same_size(labels, "the label map", photo, name_of(&o));
    if (!st)
        st = dr_mask_refine(&mask, (const dr_image *)rough, (const dr_image *)photo, (const dr_image *)labels,
                            name_of(&o));
    return give(out, &mask, st);
}

/* --- after a try-on ------------------------------------------------------------------------------ */

static drape_status keep_unworn(drape_parser *p, const drape_image *photo, const drape_image *mask,
                                const drape_image *before, const drape_tryon_options *o, drape_image *picture,
                                bool *kept)
{
    const drape_mask_options parsing = {.name = "the result", .cancel = o->callbacks.cancel, .user = o->callbacks.user};
    drape_image after = {0};
    dr_image used = {0};
    dr_status st = (dr_status)drape_mask_labels(p, picture, &parsing, &after);
    if (!st)
        st = dr_image_copy(&used, (const dr_image *)mask);
    if (!st && o->mask_grow) {
        dr_mask_binarize(&used);
        st = dr_mask_grow(&used, o->mask_grow);
    }
    if (!st)
        st = dr_keep_unworn((dr_image *)picture, (const dr_image *)photo, &used, (const dr_image *)before,
                            (const dr_image *)&after, kept);
    drape_image_free(&after);
    dr_image_clear(&used);
    return (drape_status)st;
}

drape_status drape_tryon_unworn(drape_parser *p, const drape_image *photo, const drape_image *mask,
                                const drape_image *labels, const drape_tryon_options *options, drape_image *picture,
                                bool *kept)
{
    const drape_mask_options parsing = {.cancel = options->callbacks.cancel, .user = options->callbacks.user};
    drape_image own = {0};
    bool given_back = false;
    dr_status st = check_picture(photo, 3, "the photo");
    if (!st)
        st = check_picture(mask, 1, "the mask");
    if (!st)
        st = check_picture(picture, 3, "the result");
    if (!st)
        st = check_same_size(mask, "the mask", photo, "the photo");
    if (!st)
        st = check_same_size(picture, "the result", photo, "the photo");
    if (!st && labels && labels->data)
        st = check_labels(labels);
    else if (!st)
        st = (dr_status)drape_mask_labels(p, photo, &parsing, &own);
    const drape_image *before = own.data ? &own : labels;
    if (!st)
        st = check_same_size(before, "the label map", photo, "the photo");
    if (!st)
        st = (dr_status)keep_unworn(p, photo, mask, before, options, picture, &given_back);
    if (kept)
        *kept = given_back;
    drape_image_free(&own);
    return (drape_status)st;
}

/* --- for people --------------------------------------------------------------------------------- */

drape_status drape_mask_colours(const drape_image *labels, drape_image *out)
{
    dr_image picture = {0};
    dr_status st = check_labels(labels);
    if (!st)
        st = dr_labels_colour(&picture, (const dr_image *)labels);
    return give(out, &picture, st);
}

drape_status drape_mask_overlay(const drape_image *photo, const drape_image *mask, drape_image *out)
{
    dr_image picture = {0};
    dr_status st = check_picture(photo, 3, "the photo");
    if (!st)
        st = check_picture(mask, 1, "the mask");
    if (!st)
        st = check_same_size(mask, "the mask", photo, "the photo");
    if (!st)
        st = dr_mask_overlay(&picture, (const dr_image *)photo, (const dr_image *)mask);
    return give(out, &picture, st);
}
