#include "serve/jobs/pictures.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Formats that every browser shows, and which lie in the file as they will be read. */
static bool stays(const drape_image_info *info)
{
    return info->upright && (strcmp(info->type, "image/jpeg") == 0 || strcmp(info->type, "image/png") == 0 ||
                             strcmp(info->type, "image/webp") == 0);
}

static dr_status put(dr_studio *s, dr_blob *b, const char *type, int width, int height, const void *data, size_t size)
{
    *b = (dr_blob){.width = width, .height = height};
    snprintf(b->type, sizeof b->type, "%s", type);
    return dr_store_put(s->store, b, data, size);
}

dr_status dr_studio_keep_image(dr_studio *s, const drape_image *im, const char *parameters, dr_blob *out)
{
    void *png;
    size_t size;
    dr_status st = (dr_status)drape_image_encode(im, ".png", parameters, &png, &size);
    if (!st)
        st = put(s, out, "image/png", im->width, im->height, png, size);
    free(png);
    return st;
}

/* Decoded once, so that a damaged file is refused now and not in the middle of a job. */
static dr_status keep(dr_studio *s, const void *data, size_t size, const char *name, dr_blob *out)
{
    drape_image_info info;
    drape_image im;
    dr_status st = (dr_status)drape_image_probe(&info, data, size, name);
    if (!st)
        st = (dr_status)drape_image_read_memory(&im, data, size, name);
    if (st)
        return st;
    st = stays(&info) ? put(s, out, info.type, im.width, im.height, data, size)
                      : dr_studio_keep_image(s, &im, NULL, out);
    drape_image_free(&im);
    return st;
}

dr_status dr_studio_keep_picture(dr_studio *s, const void *data, size_t size, const char *name, dr_blob *out)
{
    pthread_mutex_lock(&s->decode);
    dr_status st = keep(s, data, size, name, out);
    pthread_mutex_unlock(&s->decode);
    return st;
}

/* A kept file's bytes. Messages say `name`, never a path. */
static dr_status read_file(dr_studio *s, const char *id, const char *name, char **data, size_t *size)
{
    char path[4096];
    dr_status st = dr_store_file(s->store, id, path, sizeof path);
    if (st == DR_EIO) /* the database is away, which is another thing */
        return st;
    if (!st)
        st = dr_file_read(path, (size_t)1 << 30, data, size);
    return st ? dr_fail(DR_ENOENT, "%s is not there any more", name) : DR_OK;
}

dr_status dr_studio_read(dr_studio *s, const char *id, const char *name, drape_image *out)
{
    char *data;
    size_t size;
    *out = (drape_image){0};
    dr_status st = read_file(s, id, name, &data, &size);
    if (st)
        return st;
    st = (dr_status)drape_image_read_memory(out, data, size, name);
    free(data);
    return st;
}

dr_status dr_studio_read_mask(dr_studio *s, const char *id, const drape_image *photo, char *warnings, size_t size,
                              drape_image *out)
{
    char *data;
    size_t bytes;
    *out = (drape_image){0};
    dr_status st = read_file(s, id, "the mask", &data, &bytes);
    if (st)
        return st;
    st = (dr_status)drape_mask_read_memory(out, data, bytes, "the mask", photo, warnings, size);
    free(data);
    return st;
}

json_t *dr_blob_json(const dr_blob *b)
{
    return json_pack("{s:s, s:i, s:i, s:I, s:s}", "id", b->id, "width", b->width, "height", b->height, "bytes",
                     (json_int_t)b->bytes, "type", b->type);
}
