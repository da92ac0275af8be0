/* Reading pictures.
 *
 * The format is told by the first bytes and its loader called by name, so that a file can reach only the six
 * decoders below. The decoder runs strip by strip; each strip goes through colour conversion and straight into
 * the one output buffer, turned as EXIF says, so that no second copy of the picture is ever held. */
#include "io/image.h"

#include "base/file.h"
#include "base/text.h"
#include "io/image_samples.h"
#include "io/png_chunk.h"
#include "io/vips_init.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <vips/vips.h>

#define MAX_FILE ((size_t)1 << 30)

typedef struct format {
    const char *name, *loader, *type;
} format;

/* ISO base media files: the major brand, or for the generic 'mif1' any of them, says HEIC or AVIF. */
static bool is_heif(const unsigned char *p, size_t n)
{
    static const char brands[][5] = {"heic", "heix", "hevc", "heim", "heis", "mif1", "msf1", "avif", "avis"};
    if (n < 12 || memcmp(p + 4, "ftyp", 4) != 0)
        return false;
    for (size_t i = 0; i < sizeof brands / sizeof *brands; i++)
        if (memcmp(p + 8, brands[i], 4) == 0)
            return true;
    return false;
}

static const format *sniff(const unsigned char *p, size_t n)
{
    static const format jpeg = {"JPEG", "jpegload_buffer", "image/jpeg"}, png = {"PNG", "pngload_buffer", "image/png"},
                        webp = {"WebP", "webpload_buffer", "image/webp"},
                        tiff = {"TIFF", "tiffload_buffer", "image/tiff"}, gif = {"GIF", "gifload_buffer", "image/gif"},
                        heif = {"HEIC or AVIF", "heifload_buffer", "image/heif"};
    if (n >= 3 && memcmp(p, "\xff\xd8\xff", 3) == 0)
        return &jpeg;
    if (n >= 8 && memcmp(p, "\x89PNG\r\n\x1a\n", 8) == 0)
        return &png;
    if (n >= 12 && memcmp(p, "RIFF", 4) == 0 && memcmp(p + 8, "WEBP", 4) == 0)
        return &webp;
    if (n >= 4 && (memcmp(p, "II*\0", 4) == 0 || memcmp(p, "MM\0*", 4) == 0 || memcmp(p, "II+\0", 4) == 0 ||
                   memcmp(p, "MM\0+", 4) == 0))
        return &tiff;
    if (n >= 6 && (memcmp(p, "GIF87a", 6) == 0 || memcmp(p, "GIF89a", 6) == 0))
        return &gif;
    return is_heif(p, n) ? &heif : NULL;
}

static dr_status damaged(const char *name, const format *f)
{
    char text[256];
    bool many_kinds = strcmp(f->name, "TIFF") == 0; /* libvips calls those that it does not read by no one word */
    return dr_fail(DR_EINVAL, "cannot read '%s': damaged%s incomplete%s %s file (%s)%s", name, many_kinds ? "," : " or",
                   many_kinds ? " or unsupported" : "", f->name, dr_vips_error(text, sizeof text),
                   many_kinds ? "; convert it to 8 bits" : "");
}

/* Opens the picture: header only, nothing is decoded yet. Errors and truncation will fail the decoding. */
static dr_status open_picture(VipsImage **out, const void *data, size_t size, const char *name, const format *f)
{
    *out = NULL;
    if (!vips_type_find("VipsOperation", f->loader))
        return dr_fail(DR_EUNSUPPORTED,
                       "cannot read '%s': it is a %s file, which libvips here cannot decode; convert it to PNG", name,
                       f->name);
    VipsBlob *blob = vips_blob_new(NULL, data, size);
    int rc = vips_call(f->loader, blob, out, "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR, NULL);
    vips_area_unref(VIPS_AREA(blob));
    if (rc != 0)
        return damaged(name, f);
    int64_t width = vips_image_get_width(*out), height = vips_image_get_height(*out);
    dr_status st = DR_OK;
    if (width < 1 || height < 1 || width * height > DR_IMAGE_MAX_PIXELS)
        st = dr_fail(DR_EINVAL, "cannot read '%s': %dx%d pixels, at most %d megapixels are allowed; make it smaller",
                     name, (int)width, (int)height, DR_IMAGE_MAX_MEGAPIXELS);
    if (st)
        g_object_unref(*out);
    return st;
}

/* Replaces *im by `next`, the result of an operation on it. */
static void step(VipsImage **im, VipsImage *next)
{
    g_object_unref(*im);
    *im = next;
}

/* Whether converting from the picture's profile moves no colour by more than 2 of 255: then it is sRGB by another
 * name, and the conversion would only add rounding. Tried on a grid of colours; true too if the profile is unusable. */
static bool profile_is_srgb(VipsImage *im, int bands)
{
    enum { STEPS = 9 };
    unsigned char grid[STEPS * STEPS * STEPS * 3];
    const void *profile;
    size_t profile_size, n = bands == 3 ? STEPS * STEPS * STEPS : STEPS, out_size = 0;
    for (size_t i = 0; i < n; i++)
        for (int b = 0, code = (int)i; b < bands; b++, code /= STEPS)
            grid[i * (size_t)bands + (size_t)b] = (unsigned char)(code % STEPS * 255 / (STEPS - 1));
    VipsImage *probe = vips_image_new_from_memory_copy(grid, n * (size_t)bands, (int)n, 1, bands, VIPS_FORMAT_UCHAR);
    VipsImage *moved = NULL;
    bool same = true;
    if (probe && vips_image_get_blob(im, VIPS_META_ICC_NAME, &profile, &profile_size) == 0) {
        probe->Type = bands == 3 ? VIPS_INTERPRETATION_sRGB : VIPS_INTERPRETATION_B_W;
        vips_image_set_blob_copy(probe, VIPS_META_ICC_NAME, profile, profile_size);
        unsigned char *to = NULL;
        if (vips_icc_transform(probe, &moved, "srgb", "embedded", TRUE, "intent", VIPS_INTENT_RELATIVE,
                               "black_point_compensation", TRUE, "depth", 8, NULL) == 0)
            to = vips_image_write_to_memory(moved, &out_size);
        for (size_t i = 0; to && same && i < out_size && out_size == n * 3; i++)
            same = abs(to[i] - grid[bands == 3 ? i : i / 3]) <= 2;
        g_free(to);
    }
    VIPS_UNREF(moved);
    VIPS_UNREF(probe);
    vips_error_clear();
    return same;
}

/* Colour bands to 8 bits of grey or sRGB. */
static int convert_colour(VipsImage **im, bool managed)
{
    VipsImage *next = NULL;
    VipsInterpretation kind = vips_image_guess_interpretation(*im);
    int bands = vips_image_get_bands(*im);
    bool profile = vips_image_get_typeof(*im, VIPS_META_ICC_NAME) != 0;
    bool cmyk = kind == VIPS_INTERPRETATION_CMYK;
    if (cmyk || (managed && profile && (bands == 1 || bands == 3) && !profile_is_srgb(*im, bands))) {
        /* without a profile of its own CMYK takes libvips' generic press profile */
        int rc = vips_icc_transform(*im, &next, "srgb", "embedded", TRUE, "input_profile", cmyk ? "cmyk" : "srgb",
                                    "intent", VIPS_INTENT_RELATIVE, "black_point_compensation", TRUE, "depth", 8, NULL);
        if (rc != 0)
            return rc;
        step(im, next);
    } else if (kind != VIPS_INTERPRETATION_sRGB && kind != VIPS_INTERPRETATION_B_W && kind != VIPS_INTERPRETATION_RGB &&
               kind != VIPS_INTERPRETATION_RGB16 && kind != VIPS_INTERPRETATION_GREY16 &&
               kind != VIPS_INTERPRETATION_MULTIBAND) {
        if (vips_colourspace(*im, &next, VIPS_INTERPRETATION_sRGB, NULL) != 0)
            return -1;
        step(im, next);
    }
    if (vips_image_get_format(*im) == VIPS_FORMAT_UCHAR)
        return 0;
    if (vips_cast(*im, &next, VIPS_FORMAT_UCHAR, "shift", vips_image_get_format(*im) == VIPS_FORMAT_USHORT, NULL) != 0)
        return -1;
    step(im, next);
    return 0;
}

/* 8-bit grey, grey and alpha, RGB, or RGB and alpha. Alpha goes its own way round the colour conversion, which
 * scales a 16-bit one in some versions of libvips and clips it in others. */
static int to_8bit(VipsImage **im, bool managed)
{
    VipsImage *alpha = NULL, *next = NULL;
    if (vips_image_get_coding(*im) != VIPS_CODING_NONE) { /* LAB of a TIFF: its bands are not bytes of their own */
        if (vips_colourspace(*im, &next, VIPS_INTERPRETATION_sRGB, NULL) != 0)
            return -1;
        step(im, next);
    }
    int bands = vips_image_get_bands(*im);
    if (vips_image_hasalpha(*im) && bands > 1) {
        if (vips_extract_band(*im, &alpha, bands - 1, NULL) != 0)
            return -1;
        int rc = vips_extract_band(*im, &next, 0, "n", bands - 1, NULL);
        if (rc == 0)
            step(im, next);
        if (rc == 0 && vips_image_get_format(alpha) != VIPS_FORMAT_UCHAR) {
            rc = vips_cast(alpha, &next, VIPS_FORMAT_UCHAR, "shift", vips_image_get_format(alpha) == VIPS_FORMAT_USHORT,
                           NULL);
            if (rc == 0)
                step(&alpha, next);
        }
        if (rc != 0) {
            g_object_unref(alpha);
            return rc;
        }
    }
    int rc = convert_colour(im, managed);
    if (rc == 0 && alpha) {
        rc = vips_bandjoin2(*im, alpha, &next, NULL);
        if (rc == 0)
            step(im, next);
    }
    VIPS_UNREF(alpha);
    return rc;
}

/* Where decoded strips go. */
typedef struct target {
    dr_image *out;
    int bands, width, height; /* of the source */
    int orientation;          /* EXIF, 1..8 */
} target;

/* Index of the output pixel that source pixel (0,y) becomes, and the step to that of (x+1,y). */
static ptrdiff_t row_start(const target *t, ptrdiff_t y, ptrdiff_t *next)
{
    ptrdiff_t w = t->width, h = t->height;
    switch (t->orientation) {
    case 2: /* mirrored left to right */
        *next = -1;
        return y * w + w - 1;
    case 3: /* turned by 180 degrees */
        *next = -1;
        return (h - 1 - y) * w + w - 1;
    case 4: /* mirrored top to bottom */
        *next = 1;
        return (h - 1 - y) * w;
    case 5: /* transposed; from here on output rows are h long */
        *next = h;
        return y;
    case 6: /* to be turned clockwise */
        *next = h;
        return h - 1 - y;
    case 7: /* transposed along the other diagonal */
        *next = -h;
        return (w - 1) * h + h - 1 - y;
    case 8: /* to be turned counterclockwise */
        *next = -h;
        return (w - 1) * h + y;
    default:
        *next = 1;
        return y * w;
    }
}

/* v over `under` with coverage a, rounded to nearest. */
static inline uint8_t over(int v, int a, int under)
{
    return (uint8_t)((v * a + under * (255 - a) + 127) / 255);
}

static void put_pixel(uint8_t *to, int channels, const uint8_t *from, int bands)
{
    int a = bands == 2 ? from[1] : bands == 4 ? from[3] : 255;
    bool grey = bands <= 2;
    if (channels == 1) {
        to[0] = over(grey ? from[0] : dr_luma(from), a, 0);
        return;
    }
    for (int k = 0; k < 3; k++)
        to[k] = channels == 4 ? from[grey ? 0 : k] : over(from[grey ? 0 : k], a, 255);
    if (channels == 4)
        to[3] = (uint8_t)a;
}

/* vips_sink_disc() calls this with strips of full width, in order, one at a time. */
static int take_strip(VipsRegion *region, VipsRect *area, void *user)
{
    const target *t = user;
    ptrdiff_t channels = t->out->channels;
    for (int y = area->top; y < area->top + area->height; y++) {
        ptrdiff_t next, at = row_start(t, y, &next);
        const uint8_t *from = dr_region_at(region, area->left, y);
        uint8_t *to = t->out->data + (at + area->left * next) * channels;
        for (int x = 0; x < area->width; x++, from += t->bands, to += next * channels)
            put_pixel(to, t->out->channels, from, t->bands);
    }
    return 0;
}

static dr_status decode(dr_image *out, VipsImage *im, const char *name, const format *f, int orientation)
{
    int bands = vips_image_get_bands(im);
    if (bands < 1 || bands > 4 || vips_image_get_format(im) != VIPS_FORMAT_UCHAR)
        return dr_fail(DR_EUNSUPPORTED, "cannot read '%s': %s of %d channels is not supported; convert it to PNG", name,
                       f->name, bands);
    target t = {out, bands, vips_image_get_width(im), vips_image_get_height(im), orientation};
    bool turned = orientation >= 5;
    if (dr_image_alloc(out, turned ? t.height : t.width, turned ? t.width : t.height, out->channels))
        return dr_fail(DR_ENOMEM, "out of memory reading '%s' of %dx%d pixels", name, t.width, t.height);
    if (vips_sink_disc(im, take_strip, &t) != 0) {
        dr_image_clear(out);
        return damaged(name, f);
    }
    return DR_OK;
}

/* From bytes to a picture whose header is known and whose size is allowed. */
static dr_status open_memory(VipsImage **im, const format **f, const void *data, size_t size, const char *name)
{
    dr_status st = dr_vips_init();
    if (st)
        return st;
    *f = sniff(data, size);
    if (!*f && size && (st = dr_check_stand_in(data, size, name)))
        return st;
    if (!*f)
        return dr_fail(DR_EINVAL, "cannot read '%s': %s", name,
                       size ? "it is no JPEG, PNG, WebP, TIFF, GIF, HEIC or AVIF picture" : "the file is empty");
    if (strcmp((*f)->loader, "pngload_buffer") == 0)
        st = dr_png_check(data, size, name);
    return st ? st : open_picture(im, data, size, name, *f);
}

/* What the picture's values mean is in the values: they are read twice, which is less than holding them. */
static dr_status to_bytes(VipsImage **im, const void *data, size_t size, const char *name, const format *f)
{
    VipsImage *scan;
    dr_status st = open_picture(&scan, data, size, name, f);
    if (st)
        return st;
    st = dr_samples_to_bytes(im, scan, name);
    g_object_unref(scan);
    return st;
}

/* EXIF orientation, 1..8. Older programs put EXIF into a text chunk of a PNG, which libvips passes over. */
static int orientation_of(VipsImage *im, const void *data, size_t size, const format *f)
{
    int old = strcmp(f->loader, "pngload_buffer") == 0 ? dr_png_old_orientation(data, size) : 0;
    return old ? old : vips_image_get_orientation(im);
}

dr_status dr_image_read_header(dr_image_header *out, const void *data, size_t size, const char *name)
{
    const format *f;
    VipsImage *im;
    *out = (dr_image_header){0};
    dr_status st = open_memory(&im, &f, data, size, name);
    if (st)
        return st;
    int orientation = orientation_of(im, data, size, f);
    bool turned = orientation >= 5;
    int width = vips_image_get_width(im), height = vips_image_get_height(im);
    *out = (dr_image_header){turned ? height : width, turned ? width : height, orientation <= 1, f->type};
    g_object_unref(im);
    return DR_OK;
}

/* `stored`: without turning and managing colours; only then `channels` may be 0. */
static dr_status read_memory(dr_image *out, const void *data, size_t size, const char *name, int channels, bool stored)
{
    const format *f;
    VipsImage *im;
    *out = (dr_image){0};
    dr_status st = open_memory(&im, &f, data, size, name);
    if (st)
        return st;
    int orientation = stored ? 1 : orientation_of(im, data, size, f);
    dr_image result = {.channels = channels};
    if (dr_samples_need_scan(im))
        st = to_bytes(&im, data, size, name, f);
    if (!st && to_8bit(&im, channels == 3 && !stored) != 0)
        st = damaged(name, f);
    if (!st && !channels)
        result.channels = vips_image_get_bands(im) <= 2 ? 1 : 3;
    if (!st)
        st = decode(&result, im, name, f, orientation);
    g_object_unref(im);
    if (!st)
        *out = result;
    return st;
}

dr_status dr_image_read_memory(dr_image *out, const void *data, size_t size, const char *name, int channels)
{
    DR_ASSERT(channels == 1 || channels == 3 || channels == 4, "reading %d channels", channels);
    return read_memory(out, data, size, name, channels, false);
}

/* PIL's modes P and 1: in a PNG's header depth and colour type stand at 24 and 25. */
static bool is_hard(const unsigned char *p, size_t n)
{
    const format *f = sniff(p, n);
    bool png = f && strcmp(f->loader, "pngload_buffer") == 0;
    return (f && strcmp(f->loader, "gifload_buffer") == 0) || (png && n > 25 && (p[25] == 3 || (p[24] == 1 && !p[25])));
}

dr_status dr_image_read_stored(dr_image *out, const char *path, int channels, bool *hard)
{
    char *data;
    size_t size;
    DR_ASSERT(channels == 0 || channels == 3, "reading %d channels", channels);
    *out = (dr_image){0};
    dr_status st = dr_file_read(path, MAX_FILE, &data, &size);
    if (st)
        return st;
    if (hard)
        *hard = is_hard((const unsigned char *)data, size);
    st = read_memory(out, data, size, path, channels, true);
    free(data);
    return st;
}

dr_status dr_image_read(dr_image *out, const char *path, int channels)
{
    char *data;
    size_t size;
    *out = (dr_image){0};
    dr_status st = dr_file_read(path, MAX_FILE, &data, &size);
    if (st)
        return st;
    st = dr_image_read_memory(out, data, size, path, channels);
    free(data);
    return st;
}

dr_status dr_image_parameters(const void *png, size_t size, const char *name, char **out)
{
    return dr_png_find_text(png, size, "parameters", name, out);
}

dr_status dr_image_read_parameters(const char *path, char **out)
{
    char *data;
    size_t size;
    *out = NULL;
    dr_status st = dr_file_read(path, MAX_FILE, &data, &size);
    if (st)
        return st;
    st = dr_image_parameters(data, size, path, out);
    free(data);
    return st;
}
