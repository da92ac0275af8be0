#include "io/label_map.h"

#include "base/crc32.h"
#include "base/file.h"
#include "base/text.h"
#include "io/png_chunk.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)1 << 30)
#define SIGNATURE "\x89PNG\r\n\x1a\n"

enum { GREY = 0, PALETTE = 3, HEADER = 13, DEPTH = 8, COLOUR = 9, COLOURS = 256 }; /* of IHDR: bytes, and places */

/* --- chunks ------------------------------------------------------------------------------------------ */

static unsigned char *put_u32(unsigned char *p, size_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *p++ = (unsigned char)(v >> shift);
    return p;
}

static unsigned char *put_chunk(unsigned char *p, const char *type, const void *data, size_t n)
{
    unsigned char *named = put_u32(p, n);
    memcpy(named, type, 4);
    memcpy(named + 4, data, n);
    return put_u32(named + 4 + n, dr_crc32(0, named, 4 + n));
}

static bool is(const dr_png_part *part, const char *type)
{
    return memcmp(part->type, type, 4) == 0;
}

/* The header's and the picture's chunks of a PNG with another type of colour, and a palette before the picture if there
 * is one. Numbers lie alike in grey pictures and in those with a palette. malloc'ed; NULL when memory ran out. */
static unsigned char *recoloured(const void *png, size_t size, unsigned char colour, const unsigned char *palette,
                                 size_t *out_size)
{
    unsigned char *out = malloc(size + 3 * COLOURS + 64), *p = out;
    dr_png_part part;
    bool in_picture = false;
    if (!out)
        return NULL;
    memcpy(p, SIGNATURE, 8);
    p += 8;
    for (size_t at = 0; dr_png_next(png, size, &at, &part);) {
        if (is(&part, "IHDR") && part.size == HEADER) {
            unsigned char header[HEADER];
            memcpy(header, part.data, HEADER);
            header[COLOUR] = colour;
            p = put_chunk(p, "IHDR", header, HEADER);
        } else if (is(&part, "IDAT")) {
            if (palette && !in_picture)
                p = put_chunk(p, "PLTE", palette, 3 * COLOURS);
            in_picture = true;
            p = put_chunk(p, "IDAT", part.data, part.size);
        }
    }
    p = put_chunk(p, "IEND", "", 0);
    *out_size = (size_t)(p - out);
    return out;
}

/* --- reading ----------------------------------------------------------------------------------------- */

/* Bits and colours of a PNG, by its header. */
static dr_status read_header(const void *data, size_t size, const char *name, int *depth, int *colour)
{
    dr_png_part part;
    size_t at = 0;
    dr_status st = dr_check_stand_in(data, size, name);
    if (st)
        return st;
    if (size < 8 || memcmp(data, SIGNATURE, 8) != 0)
        return dr_fail(DR_EINVAL,
                       "cannot read '%s': a label map must be a PNG, since its values are numbers of labels, which "
                       "other formats change",
                       name);
    st = dr_png_check(data, size, name);
    if (st)
        return st;
    if (!dr_png_next(data, size, &at, &part) || !is(&part, "IHDR") || part.size != HEADER)
        return dr_fail(DR_EINVAL, "cannot read '%s': damaged PNG file: it does not begin with its header", name);
    *depth = part.data[DEPTH];
    *colour = part.data[COLOUR];
    return DR_OK;
}

/* A palette's indices: read as grey, in which fewer than 8 bits are stretched to the whole range. */
static dr_status read_indices(dr_image *out, const void *data, size_t size, const char *name, int depth)
{
    size_t grey_size;
    if (depth != 1 && depth != 2 && depth != 4 && depth != 8)
        return dr_fail(DR_EINVAL, "cannot read '%s': damaged PNG file: a palette of %d bits", name, depth);
    unsigned char *grey = recoloured(data, size, GREY, NULL, &grey_size);
    dr_status st = grey ? dr_image_read_memory(out, grey, grey_size, name, 1) : dr_fail(DR_ENOMEM, "out of memory");
    int step = 255 / ((1 << depth) - 1);
    for (size_t i = 0; !st && i < (size_t)out->width * (size_t)out->height; i++)
        out->data[i] = (uint8_t)(out->data[i] / step);
    free(grey);
    return st;
}

dr_status dr_label_map_read_memory(dr_image *out, const void *data, size_t size, const char *name)
{
    int depth = 0, colour = 0;
    *out = (dr_image){0};
    dr_status st = read_header(data, size, name, &depth, &colour);
    if (st)
        return st;
    if (colour == PALETTE)
        return read_indices(out, data, size, name, depth);
    if (colour == GREY)
        return dr_image_read_memory(out, data, size, name, 1);
    return dr_fail(DR_EINVAL,
                   "cannot read '%s': it has %s, a label map has one number for each pixel: a PNG with a palette or a "
                   "grey one",
                   name, colour == 4 ? "transparency" : "3 or 4 channels of colour");
}

dr_status dr_label_map_read(dr_image *out, const char *path)
{
    char *data;
    size_t size;
    *out = (dr_image){0};
    dr_status st = dr_file_read(path, MAX_FILE, &data, &size);
    if (st)
        return st;
    st = dr_label_map_read_memory(out, data, size, path);
    free(data);
    return st;
}

dr_status dr_label_map_check(const dr_image *map, int count, const char *name)
{
    for (size_t i = 0; i < (size_t)map->width * (size_t)map->height; i++)
        if (map->data[i] >= count)
            return dr_fail(DR_EINVAL, "'%s' has the label %d at (%d, %d), its label set has 0 to %d", name,
                           map->data[i], (int)(i % (size_t)map->width), (int)(i / (size_t)map->width), count - 1);
    return DR_OK;
}

/* --- writing ----------------------------------------------------------------------------------------- */

/* Colours far apart for neighbouring numbers, as the PASCAL VOC data set has them: bit by bit, from the top of each
 * channel down. */
static void fill_palette(unsigned char *p)
{
    for (int i = 0; i < COLOURS; i++)
        for (int k = 0; k < 3; k++) {
            int v = 0;
            for (int bit = 0; bit < 3; bit++)
                v |= (i >> (3 * bit + k) & 1) << (7 - bit);
            p[3 * i + k] = (unsigned char)v;
        }
}

dr_status dr_label_map_write(const dr_image *map, const char *path)
{
    unsigned char palette[3 * COLOURS];
    void *grey = NULL;
    size_t grey_size, size;
    DR_ASSERT(map->channels == 1, "a label map of %d channels", map->channels);
    fill_palette(palette);
    dr_status st = dr_image_encode_png(map, NULL, &grey, &grey_size);
    unsigned char *png = st ? NULL : recoloured(grey, grey_size, PALETTE, palette, &size);
    if (!st)
        st = png ? dr_file_write(path, png, size) : dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    free(png);
    free(grey);
    return st;
}
