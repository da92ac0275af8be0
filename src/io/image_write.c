/* Writing pictures: encoded in memory by libvips, then to the disk in one atomic step. */
#include "io/image.h"

#include "base/file.h"
#include "base/path.h"
#include "io/png_chunk.h"
#include "io/vips_init.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <vips/vips.h>

typedef enum file_kind { KIND_NONE, KIND_PNG, KIND_JPEG, KIND_WEBP, KIND_TIFF } file_kind;

/* Of a path, or of an extension alone. */
static file_kind kind_of(const char *path)
{
    static const struct {
        const char *extension;
        file_kind kind;
    } known[] = {{".png", KIND_PNG},   {".jpg", KIND_JPEG}, {".jpeg", KIND_JPEG},
                 {".webp", KIND_WEBP}, {".tif", KIND_TIFF}, {".tiff", KIND_TIFF}};
    bool alone = path[0] == '.' && !strpbrk(path + 1, "./");
    const char *extension = alone ? path : dr_path_extension(path);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(extension, known[i].extension) == 0)
            return known[i].kind;
    return KIND_NONE;
}

bool dr_image_can_write(const char *path)
{
    return kind_of(path) != KIND_NONE;
}

/* The picture as libvips sees it; borrows the pixels. */
static VipsImage *wrap(const dr_image *im)
{
    size_t bytes = (size_t)im->width * (size_t)im->height * (size_t)im->channels;
    VipsImage *plain =
        vips_image_new_from_memory(im->data, bytes, im->width, im->height, im->channels, VIPS_FORMAT_UCHAR);
    VipsImage *typed = NULL;
    if (plain)
        vips_copy(plain, &typed, "interpretation",
                  im->channels == 1 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB, NULL);
    VIPS_UNREF(plain);
    return typed;
}

static unsigned char *put(unsigned char *p, uint32_t v, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        *p++ = (unsigned char)(v >> (8 * i));
    return p;
}

static unsigned char *put_entry(unsigned char *p, uint32_t tag, uint32_t type, uint32_t count, uint32_t value)
{
    return put(put(put(put(p, tag, 2), type, 2), count, 4), value, 4);
}

/* An EXIF block that holds the text as UserComment: "UNICODE", then UTF-16 in the block's byte order (big endian).
 * Attached as the picture's EXIF, which libvips then writes. Nothing if it is too long for a JPEG segment. */
static void attach_comment(VipsImage *im, const char *text)
{
    enum { TIFF = 6, IFD0 = TIFF + 8, EXIF = IFD0 + 2 + 12 + 4, DATA = EXIF + 2 + 12 + 4 };
    char *valid = g_utf8_make_valid(text, -1);
    glong units = 0;
    gunichar2 *utf16 = g_utf8_to_utf16(valid, -1, NULL, &units, NULL);
    g_free(valid);
    if (utf16 && units < 32000) {
        size_t comment = 8 + 2 * (size_t)units, size = DATA + comment;
        unsigned char *block = g_malloc0(size), *p = block;
        memcpy(p, "Exif\0\0MM\0*", 10);
        p = put(p + 10, IFD0 - TIFF, 4);
        p = put_entry(put(p, 1, 2), 0x8769, 4, 1, EXIF - TIFF); /* ExifIFD */
        p = put(p, 0, 4);
        p = put_entry(put(p, 1, 2), 0x9286, 7, (uint32_t)comment, DATA - TIFF); /* UserComment, undefined bytes */
        p = put(p, 0, 4);
        memcpy(p, "UNICODE", 8);
        p += 8;
        for (glong i = 0; i < units; i++)
            p = put(p, utf16[i], 2);
        vips_image_set_blob(im, VIPS_META_EXIF_NAME, (VipsCallbackFn)vips_area_free_cb, block, size);
    }
    g_free(utf16);
}

/* Untagged files are sRGB by convention, but not every program keeps to it. PNG has a chunk for that instead. */
static void attach_srgb(VipsImage *im)
{
    VipsBlob *blob = NULL;
    if (im->Bands < 3 || vips_profile_load("srgb", &blob, NULL) != 0 || !blob)
        return;
    size_t size;
    const void *data = vips_blob_get(blob, &size);
    vips_image_set_blob_copy(im, VIPS_META_ICC_NAME, data, size);
    vips_area_unref(VIPS_AREA(blob));
}

/* Replaces the buffer, which libvips gave, by a malloc'ed copy with what the PNG is to carry. */
static dr_status finish_png(void **data, size_t *size, const char *parameters)
{
    void *marked, *with_text;
    size_t marked_size, text_size;
    dr_status st = dr_png_add_srgb(*data, *size, &marked, &marked_size);
    g_free(*data);
    *data = NULL;
    if (st)
        return st;
    if (parameters && parameters[0]) {
        st = dr_png_add_text(marked, marked_size, "parameters", parameters, &with_text, &text_size);
        free(marked);
        if (st)
            return st;
        marked = with_text;
        marked_size = text_size;
    }
    *data = marked;
    *size = marked_size;
    return DR_OK;
}

static int encode(VipsImage *im, file_kind kind, const char *parameters, int quality, void **data, size_t *size)
{
    if (kind == KIND_PNG)
        return vips_pngsave_buffer(im, data, size, "compression", 6, NULL);
    attach_srgb(im);
    if (kind == KIND_TIFF) {
        if (parameters && parameters[0])
            vips_image_set_string(im, VIPS_META_IMAGEDESCRIPTION, parameters);
        return vips_tiffsave_buffer(im, data, size, "compression", VIPS_FOREIGN_TIFF_COMPRESSION_DEFLATE, "predictor",
                                    VIPS_FOREIGN_TIFF_PREDICTOR_HORIZONTAL, NULL);
    }
    if (parameters && parameters[0])
        attach_comment(im, parameters);
    if (kind == KIND_JPEG)
        return vips_jpegsave_buffer(im, data, size, "Q", quality, "optimize_coding", TRUE, "subsample_mode",
                                    VIPS_FOREIGN_SUBSAMPLE_OFF, NULL);
    return vips_webpsave_buffer(im, data, size, "Q", quality, "smart_subsample", TRUE, NULL);
}

dr_status dr_image_encode_png(const dr_image *im, const char *parameters, void **out, size_t *size)
{
    char text[256];
    *out = NULL;
    *size = 0;
    dr_status st = dr_vips_init();
    if (st)
        return st;
    VipsImage *v = wrap(im);
    if (!v || encode(v, KIND_PNG, NULL, 0, out, size) != 0)
        st = dr_fail(DR_ENOMEM, "cannot encode a PNG of %dx%d: %s", im->width, im->height,
                     dr_vips_error(text, sizeof text));
    VIPS_UNREF(v);
    return st ? st : finish_png(out, size, parameters);
}

static dr_status check_sides(const dr_image *im, const char *path, file_kind kind)
{
    int longest = im->width > im->height ? im->width : im->height;
    int most = kind == KIND_WEBP ? 16383 : kind == KIND_JPEG ? 65500 : longest;
    if (longest <= most)
        return DR_OK;
    return dr_fail(DR_EINVAL, "cannot write '%s': %dx%d is beyond this format's %d pixels a side; write a .png", path,
                   im->width, im->height, most);
}

dr_status dr_image_encode(const dr_image *im, const char *name, const dr_image_write_options *o, void **out,
                          size_t *size)
{
    char text[256];
    file_kind kind = kind_of(name);
    const char *parameters = o ? o->parameters : NULL;
    int quality = o && o->quality > 0 ? o->quality : 95;
    void *data = NULL; /* GLib's, which is malloc's */
    *out = NULL;
    *size = 0;
    if (kind == KIND_NONE)
        return dr_fail(DR_EINVAL, "cannot write '%s': the name must end in .png, .jpg, .webp or .tif", name);
    if (kind == KIND_PNG)
        return dr_image_encode_png(im, parameters, out, size);
    dr_status st = check_sides(im, name, kind);
    if (!st)
        st = dr_vips_init();
    if (st)
        return st;
    VipsImage *v = wrap(im);
    if (!v || encode(v, kind, parameters, quality > 100 ? 100 : quality, &data, size) != 0)
        st = dr_fail(DR_EIO, "cannot write '%s': %s", name, dr_vips_error(text, sizeof text));
    VIPS_UNREF(v);
    *out = data;
    return st;
}

dr_status dr_image_write(const dr_image *im, const char *path, const dr_image_write_options *o)
{
    void *data;
    size_t size;
    dr_status st = dr_image_encode(im, path, o, &data, &size);
    if (!st)
        st = dr_file_write(path, data, size);
    free(data);
    return st;
}
