#include "io/image.h"

#include "base/path.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void dr_image_clear(dr_image *im)
{
    free(im->data);
    *im = (dr_image){0};
}

dr_status dr_image_alloc(dr_image *im, int width, int height, int channels)
{
    DR_ASSERT(width > 0 && height > 0, "picture of %dx%d", width, height);
    DR_ASSERT(channels == 1 || channels == 3 || channels == 4, "picture of %d channels", channels);
    *im = (dr_image){.width = width, .height = height, .channels = channels};
    int64_t pixels = (int64_t)width * height;
    if (pixels <= (int64_t)(PTRDIFF_MAX / channels))
        im->data = malloc((size_t)pixels * (size_t)channels);
    if (!im->data) {
        *im = (dr_image){0};
        return dr_fail(DR_ENOMEM, "out of memory for a picture of %dx%d pixels", width, height);
    }
    return DR_OK;
}

dr_status dr_image_copy(dr_image *out, const dr_image *in)
{
    dr_status st = dr_image_alloc(out, in->width, in->height, in->channels);
    if (!st)
        memcpy(out->data, in->data, (size_t)in->width * (size_t)in->height * (size_t)in->channels);
    return st;
}

dr_status dr_image_crop(dr_image *out, const dr_image *in, int x, int y, int width, int height)
{
    DR_ASSERT(x >= 0 && y >= 0 && width > 0 && height > 0 && x <= in->width - width && y <= in->height - height,
              "crop %dx%d+%d+%d of a picture of %dx%d", width, height, x, y, in->width, in->height);
    dr_status st = dr_image_alloc(out, width, height, in->channels);
    if (st)
        return st;
    size_t pixel = (size_t)in->channels, row = (size_t)width * pixel;
    for (int j = 0; j < height; j++)
        memcpy(out->data + (size_t)j * row, in->data + ((size_t)(y + j) * (size_t)in->width + (size_t)x) * pixel, row);
    return DR_OK;
}

void dr_image_mirror(dr_image *im)
{
    size_t pixel = (size_t)im->channels;
    for (int y = 0; y < im->height; y++) {
        uint8_t *left = im->data + (size_t)y * (size_t)im->width * pixel;
        uint8_t *right = left + (size_t)(im->width - 1) * pixel;
        for (; left < right; left += pixel, right -= pixel)
            for (size_t k = 0; k < pixel; k++) {
                uint8_t v = left[k];
                left[k] = right[k];
                right[k] = v;
            }
    }
}

bool dr_image_has_name(const char *path)
{
    static const char *const known[] = {".jpg",  ".jpeg", ".jpe",  ".jfif", ".png",  ".webp", ".tif",
                                        ".tiff", ".gif",  ".heic", ".heif", ".avif", ".bmp",  ".jxl"};
    const char *extension = dr_path_extension(path);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(extension, known[i]) == 0)
            return true;
    return false;
}

dr_status dr_image_luma(dr_image *out, const dr_image *in)
{
    DR_ASSERT(in->channels != 4, "luma of a picture with alpha");
    if (in->channels == 1)
        return dr_image_copy(out, in);
    dr_status st = dr_image_alloc(out, in->width, in->height, 1);
    int64_t n = st ? 0 : (int64_t)in->width * in->height;
    for (int64_t i = 0; i < n; i++)
        out->data[i] = dr_luma(in->data + 3 * i);
    return st;
}
