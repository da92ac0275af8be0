#include "io/image_samples.h"

#include "io/vips_init.h"

#include <math.h>

typedef struct range {
    double low, high;
    int64_t nan;
} range;

typedef struct ranges {
    int bands;
    bool alpha;  /* the last band */
    range of[2]; /* colour, alpha */
} ranges;

bool dr_samples_need_scan(VipsImage *im)
{
    switch (vips_image_guess_interpretation(im)) {
    case VIPS_INTERPRETATION_LAB: /* libvips knows their ranges */
    case VIPS_INTERPRETATION_LABQ:
    case VIPS_INTERPRETATION_LABS:
    case VIPS_INTERPRETATION_XYZ:
        return false;
    case VIPS_INTERPRETATION_CMYK:
        return vips_image_get_format(im) != VIPS_FORMAT_UCHAR && vips_image_get_format(im) != VIPS_FORMAT_USHORT;
    default:
        return vips_image_get_format(im) != VIPS_FORMAT_UCHAR;
    }
}

static void take(range *r, double v)
{
    if (isnan(v)) {
        r->nan++;
        return;
    }
    r->low = v < r->low ? v : r->low;
    r->high = v > r->high ? v : r->high;
}

/* vips_sink_disc() calls this with strips of full width, one at a time. */
static int scan_strip(VipsRegion *region, VipsRect *area, void *user)
{
    ranges *r = user;
    for (int y = area->top; y < area->top + area->height; y++) {
        const double *p = (const double *)(const void *)dr_region_at(region, area->left, y);
        for (int x = 0; x < area->width; x++)
            for (int b = 0; b < r->bands; b++)
                take(&r->of[r->alpha && b == r->bands - 1], *p++);
    }
    return 0;
}

static dr_status find_ranges(ranges *r, VipsImage *scan, const char *name)
{
    char text[256];
    VipsImage *wide = NULL;
    *r = (ranges){.bands = vips_image_get_bands(scan),
                  .alpha = vips_image_hasalpha(scan) && vips_image_get_bands(scan) > 1,
                  .of = {{INFINITY, -INFINITY, 0}, {INFINITY, -INFINITY, 0}}};
    int rc = vips_cast(scan, &wide, VIPS_FORMAT_DOUBLE, NULL);
    if (rc == 0)
        rc = vips_sink_disc(wide, scan_strip, r);
    VIPS_UNREF(wide);
    return rc ? dr_fail(DR_EINVAL, "cannot read '%s': damaged or incomplete file (%s)", name,
                        dr_vips_error(text, sizeof text))
              : DR_OK;
}

/* What is white, and 0 for a range that says nothing. */
static double white_of(VipsBandFormat format, const range *r)
{
    bool is_float = format == VIPS_FORMAT_FLOAT || format == VIPS_FORMAT_DOUBLE;
    if (r->low > r->high) /* there is no such band */
        return 1;
    if (is_float) /* resampling overshoots a little */
        return r->low >= -0.05 && r->high <= 1.05 ? 1 : 0;
    if (r->low < 0)
        return 0;
    if (r->high <= 255)
        return 255;
    bool sixteen = format == VIPS_FORMAT_USHORT || format == VIPS_FORMAT_UINT || format == VIPS_FORMAT_INT;
    return sixteen && r->high <= 65535 ? 65535 : 0;
}

static dr_status refuse(VipsBandFormat format, const range *r, const char *name)
{
    bool is_float = format == VIPS_FORMAT_FLOAT || format == VIPS_FORMAT_DOUBLE;
    return dr_fail(DR_EINVAL,
                   "cannot read '%s': its samples are %s from %.4g to %.4g, expected %s; convert it to 8 bits", name,
                   is_float ? "floating-point numbers" : "whole numbers", r->low, r->high,
                   is_float ? "0 (black) to 1 (white)" : "0 to 255 or 0 to 65535");
}

/* One band or all of them, by a factor. 16 bits lose their lower half, as ever; floats are rounded. */
static int scale(VipsImage **im, double white)
{
    VipsImage *next = NULL;
    int rc = white == 255 ? vips_copy(*im, &next, NULL)
                          : vips_linear1(*im, &next, white == 1 ? 255.0 : 1.0 / 256, white == 1 ? 0.5 : 0, NULL);
    if (rc == 0) {
        g_object_unref(*im);
        *im = next;
        rc = vips_cast(*im, &next, VIPS_FORMAT_UCHAR, NULL);
    }
    if (rc == 0) {
        g_object_unref(*im);
        *im = next;
    }
    return rc;
}

/* The bands' bytes under the interpretation that they have from now on. */
static int to_bytes(VipsImage **im, const ranges *r, const double white[2])
{
    VipsImage *colour = NULL, *alpha = NULL, *joined = NULL, *named = NULL;
    int colours = r->bands - r->alpha;
    int rc = vips_extract_band(*im, &colour, 0, "n", colours, NULL);
    if (rc == 0)
        rc = scale(&colour, white[0]);
    if (rc == 0 && r->alpha) {
        rc = vips_extract_band(*im, &alpha, colours, NULL);
        if (rc == 0)
            rc = scale(&alpha, white[1]);
        if (rc == 0)
            rc = vips_bandjoin2(colour, alpha, &joined, NULL);
    }
    if (rc == 0)
        rc = vips_copy(joined ? joined : colour, &named, "interpretation",
                       colours >= 3 ? VIPS_INTERPRETATION_sRGB : VIPS_INTERPRETATION_B_W, NULL);
    VIPS_UNREF(colour);
    VIPS_UNREF(alpha);
    VIPS_UNREF(joined);
    if (rc == 0) {
        g_object_unref(*im);
        *im = named;
    }
    return rc;
}

dr_status dr_samples_to_bytes(VipsImage **im, VipsImage *scan, const char *name)
{
    ranges r;
    double white[2];
    char text[256];
    VipsBandFormat format = vips_image_get_format(*im);
    if (vips_band_format_iscomplex(format) || vips_image_guess_interpretation(*im) == VIPS_INTERPRETATION_CMYK)
        return dr_fail(DR_EUNSUPPORTED,
                       "cannot read '%s': samples of this type are not supported; convert it to 8 bits", name);
    dr_status st = find_ranges(&r, scan, name);
    for (int k = 0; !st && k < 2; k++) {
        white[k] = white_of(format, &r.of[k]);
        if (r.of[k].nan > 0)
            st = dr_fail(DR_EINVAL, "cannot read '%s': %lld of its samples are not a number; convert it to 8 bits",
                         name, (long long)r.of[k].nan);
        else if (white[k] == 0)
            st = refuse(format, &r.of[k], name);
    }
    if (!st && to_bytes(im, &r, white) != 0)
        st = dr_fail(DR_EINVAL, "cannot read '%s': %s", name, dr_vips_error(text, sizeof text));
    return st;
}
