/* The public functions on pictures, from files and from memory. */
#include "drape.h"

#include "io/image.h"
#include "io/mask.h"

#include <stddef.h>
#include <stdio.h>

_Static_assert(DRAPE_MAX_PIXELS == DR_IMAGE_MAX_PIXELS, "the public number is ours");

drape_status drape_image_read(drape_image *out, const char *path)
{
    *out = (drape_image){0};
    return (drape_status)dr_image_read((dr_image *)out, path, 3);
}

drape_status drape_image_read_stored(drape_image *out, const char *path, bool mask, bool *hard)
{
    dr_image im = {0};
    dr_status st = dr_image_read_stored(&im, path, mask ? 0 : 3, hard);
    if (!st)
        *out = (drape_image){im.width, im.height, im.channels, im.data};
    return (drape_status)st;
}

drape_status drape_image_read_memory(drape_image *out, const void *data, size_t size, const char *name)
{
    *out = (drape_image){0};
    return (drape_status)dr_image_read_memory((dr_image *)out, data, size, name, 3);
}

drape_status drape_image_probe(drape_image_info *out, const void *data, size_t size, const char *name)
{
    dr_image_header h;
    dr_status st = dr_image_read_header(&h, data, size, name);
    *out = (drape_image_info){h.width, h.height, h.upright, h.type};
    return (drape_status)st;
}

/* --- masks -------------------------------------------------------------------------------------- */

typedef struct warning_text {
    char *text;
    size_t size, used;
} warning_text;

static void add_warning(void *user, const char *message)
{
    warning_text *w = user;
    if (w->used >= w->size)
        return;
    int n = snprintf(w->text + w->used, w->size - w->used, "%s%s", w->used ? "\n" : "", message);
    w->used += n > 0 ? (size_t)n : 0;
}

/* A picture that was read with 4 channels, to a mask. */
static drape_status to_mask(drape_image *out, const dr_image *in, const char *name, const drape_image *photo,
                            const char *photo_name, char *warnings, size_t size)
{
    warning_text w = {warnings, warnings ? size : 0, 0};
    dr_mask_options o = {.warn = add_warning, .user = &w};
    if (w.size)
        warnings[0] = 0;
    dr_image mask = {0};
    dr_status st = dr_mask_from_image(&mask, in, name, photo->width, photo->height, photo_name, &o);
    if (st)
        return (drape_status)st;
    dr_mask_binarize(&mask);
    *out = (drape_image){mask.width, mask.height, mask.channels, mask.data};
    return DRAPE_OK;
}

drape_status drape_mask_read(drape_image *out, const char *path, const drape_image *photo, char *warnings, size_t size)
{
    return drape_mask_read_for(out, path, photo, NULL, warnings, size);
}

drape_status drape_mask_read_for(drape_image *out, const char *path, const drape_image *photo, const char *photo_name,
                                 char *warnings, size_t size)
{
    dr_image in;
    *out = (drape_image){0};
    drape_status st = (drape_status)dr_image_read(&in, path, 4);
    if (!st)
        st = to_mask(out, &in, path, photo, photo_name, warnings, size);
    dr_image_clear(&in);
    return st;
}

drape_status drape_mask_read_memory(drape_image *out, const void *data, size_t size, const char *name,
                                    const drape_image *photo, char *warnings, size_t warnings_size)
{
    dr_image in;
    *out = (drape_image){0};
    drape_status st = (drape_status)dr_image_read_memory(&in, data, size, name, 4);
    if (!st)
        st = to_mask(out, &in, name, photo, NULL, warnings, warnings_size);
    dr_image_clear(&in);
    return st;
}

/* --- writing ------------------------------------------------------------------------------------ */

drape_status drape_image_write(const drape_image *image, const char *path, const char *parameters)
{
    dr_image_write_options o = {.parameters = parameters};
    return (drape_status)dr_image_write((const dr_image *)image, path, &o);
}

drape_status drape_image_encode(const drape_image *image, const char *extension, const char *parameters, void **out,
                                size_t *size)
{
    dr_image_write_options o = {.parameters = parameters};
    return (drape_status)dr_image_encode((const dr_image *)image, extension, &o, out, size);
}

drape_status drape_image_parameters(const void *png, size_t size, const char *name, char **out)
{
    return (drape_status)dr_image_parameters(png, size, name, out);
}

drape_status drape_image_resize(const drape_image *image, int width, int height, drape_image *out)
{
    dr_image result = {0};
    if (width < 1 || height < 1 || (int64_t)width * height > DR_IMAGE_MAX_PIXELS)
        return (drape_status)dr_fail(DR_EINVAL, "cannot resize a picture to %dx%d: at most %d megapixels", width,
                                     height, DR_IMAGE_MAX_MEGAPIXELS);
    dr_status st = dr_image_resize(&result, (const dr_image *)image, width, height, DR_LANCZOS);
    if (!st)
        *out = (drape_image){result.width, result.height, result.channels, result.data};
    return (drape_status)st;
}

void drape_image_free(drape_image *image)
{
    dr_image_clear((dr_image *)image);
}

bool drape_image_can_write(const char *path)
{
    return dr_image_can_write(path);
}

bool drape_image_has_name(const char *path)
{
    return dr_image_has_name(path);
}
