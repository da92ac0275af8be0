/* EXIF in the text chunks of a PNG: how ImageMagick and programs over it kept it before there was a chunk for it.
 *
 * The keyword is "Raw profile type exif" (or "APP1", with JPEG's six letters in front), the text a name, a length and
 * hexadecimal digits, each on lines of their own. Only the orientation is taken of it. */
#include "io/png_chunk.h"

#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST = 1 << 18
}; /* bytes of text that are looked at: JPEG's EXIF is at most 64 KiB, the orientation at its start */

/* What a zlib stream holds, up to MOST bytes; what is damaged ends it. malloc'ed; NULL: out of memory. */
static char *inflate(const unsigned char *p, size_t n, size_t *length)
{
    char *text = malloc(MOST);
    GConverter *z = G_CONVERTER(g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB));
    GConverterResult r = G_CONVERTER_CONVERTED;
    *length = 0;
    for (size_t used = 0; text && r == G_CONVERTER_CONVERTED && used < n && *length < MOST;) {
        gsize in = 0, out = 0;
        r = g_converter_convert(z, p + used, n - used, text + *length, MOST - *length, G_CONVERTER_INPUT_AT_END, &in,
                                &out, NULL);
        if (r == G_CONVERTER_ERROR || (in == 0 && out == 0))
            break;
        used += in;
        *length += out;
    }
    g_object_unref(z);
    return text;
}

/* Behind the `fields` zero-terminated strings at p; NULL if they do not end. */
static const unsigned char *behind(const unsigned char *p, const unsigned char *end, int fields)
{
    for (; p && fields > 0; fields--) {
        p = p < end ? memchr(p, 0, (size_t)(end - p)) : NULL;
        p = p ? p + 1 : NULL;
    }
    return p;
}

/* The text of a chunk of that keyword, malloc'ed; NULL if it is of another, or holds none. */
static char *text_of(const dr_png_part *c, const char *keyword, size_t *length)
{
    size_t key = strlen(keyword) + 1;
    const unsigned char *p = c->data + key, *end = c->data + c->size;
    bool deflated = memcmp(c->type, "zTXt", 4) == 0;
    if (c->size < key || memcmp(c->data, keyword, key) != 0)
        return NULL;
    if (deflated) {
        if (p == end || *p++ != 0) /* the only method there is */
            return NULL;
    } else if (memcmp(c->type, "iTXt", 4) == 0) {
        if (end - p < 2 || p[1] != 0)
            return NULL;
        deflated = p[0] != 0;
        p = behind(p + 2, end, 2); /* language and translated keyword */
    } else if (memcmp(c->type, "tEXt", 4) != 0) {
        return NULL;
    }
    if (!p)
        return NULL;
    if (deflated)
        return inflate(p, (size_t)(end - p), length);
    *length = (size_t)(end - p) < MOST ? (size_t)(end - p) : MOST;
    char *text = malloc(*length + 1);
    if (text)
        memcpy(text, p, *length);
    return text;
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Turns the text into the profile's bytes, in place; returns how many. */
static size_t decode(char *text, size_t n)
{
    size_t at = 0, out = 0;
    int high = -1;
    while (at < n && (text[at] == '\n' || text[at] == '\r'))
        at++;
    for (int line = 0; line < 2; line++) { /* name, length */
        const char *newline = at < n ? memchr(text + at, '\n', n - at) : NULL;
        if (!newline)
            return 0;
        at = (size_t)(newline - text) + 1;
    }
    for (; at < n; at++) {
        int v = digit(text[at]);
        if (v >= 0 && high < 0) {
            high = v;
        } else if (v >= 0) {
            text[out++] = (char)(high << 4 | v);
            high = -1;
        } else if (!strchr(" \t\r\n", text[at]) || !text[at]) {
            break;
        }
    }
    return out;
}

static uint32_t number(const unsigned char *p, int bytes, bool little)
{
    uint32_t v = 0;
    for (int i = 0; i < bytes; i++)
        v = v << 8 | p[little ? bytes - 1 - i : i];
    return v;
}

int dr_exif_orientation(const void *exif, size_t size)
{
    enum { TAG = 0x0112, SHORT = 3, ENTRY = 12 };
    const unsigned char *p = exif;
    if (size >= 6 && memcmp(p, "Exif\0\0", 6) == 0) {
        p += 6;
        size -= 6;
    }
    bool little = size >= 8 && memcmp(p, "II*\0", 4) == 0;
    if (!little && !(size >= 8 && memcmp(p, "MM\0*", 4) == 0))
        return 0;
    size_t at = number(p + 4, 4, little);
    if (at > size - 2)
        return 0;
    uint32_t entries = number(p + at, 2, little);
    for (at += 2; entries > 0 && at <= size && size - at >= ENTRY; entries--, at += ENTRY) {
        if (number(p + at, 2, little) != TAG || number(p + at + 2, 2, little) != SHORT)
            continue;
        uint32_t v = number(p + at + 8, 2, little);
        return v >= 1 && v <= 8 ? (int)v : 0;
    }
    return 0;
}

static int orientation_in(const dr_png_part *c, const char *keyword)
{
    size_t n = 0;
    char *text = text_of(c, keyword, &n);
    int orientation = text ? dr_exif_orientation(text, decode(text, n)) : 0;
    free(text);
    return orientation;
}

int dr_png_old_orientation(const void *png, size_t size)
{
    dr_png_part c;
    int exif = 0, app1 = 0;
    for (size_t at = 0; dr_png_next(png, size, &at, &c);) {
        if (memcmp(c.type, "eXIf", 4) == 0) /* the chunk made for it counts */
            return 0;
        exif = exif ? exif : orientation_in(&c, "Raw profile type exif");
        app1 = app1 ? app1 : orientation_in(&c, "Raw profile type APP1");
    }
    return exif ? exif : app1;
}
