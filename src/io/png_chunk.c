#include "io/png_chunk.h"

#include "base/crc32.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

enum { HEADER_END = 8 + 12 + 13 }; /* signature and the IHDR chunk, which is always first and 13 bytes long */

static uint32_t get32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(unsigned char *p, uint32_t v)
{
    p[0] = (unsigned char)(v >> 24);
    p[1] = (unsigned char)(v >> 16);
    p[2] = (unsigned char)(v >> 8);
    p[3] = (unsigned char)v;
}

static bool is_png(const unsigned char *p, size_t n)
{
    return n >= HEADER_END && memcmp(p, signature, 8) == 0 && get32(p + 8) == 13 && memcmp(p + 12, "IHDR", 4) == 0;
}

/* The PNG with one chunk of `n` data bytes behind the header. */
static dr_status insert(const unsigned char *png, size_t size, const char type[4], const void *data, size_t n,
                        void **out, size_t *out_size)
{
    *out = NULL;
    *out_size = 0;
    if (!is_png(png, size))
        return dr_fail(DR_EINVAL, "cannot add text to a picture that is not a PNG");
    unsigned char *p = size <= SIZE_MAX - n - 12 ? malloc(size + n + 12) : NULL;
    if (!p)
        return dr_fail(DR_ENOMEM, "out of memory writing a PNG");
    unsigned char *chunk = p + HEADER_END;
    memcpy(p, png, HEADER_END);
    put32(chunk, (uint32_t)n);
    memcpy(chunk + 4, type, 4);
    memcpy(chunk + 8, data, n);
    put32(chunk + 8 + n, dr_crc32(0, chunk + 4, n + 4));
    memcpy(chunk + 12 + n, png + HEADER_END, size - HEADER_END);
    *out = p;
    *out_size = size + n + 12;
    return DR_OK;
}

dr_status dr_png_add_srgb(const void *png, size_t size, void **out, size_t *out_size)
{
    return insert(png, size, "sRGB", "", 1, out, out_size); /* intent 0, perceptual */
}

/* Latin-1 from valid UTF-8, malloc'ed; NULL with `*fits` false if a character is beyond it. */
static unsigned char *to_latin1(const char *utf8, size_t n, size_t *length, bool *fits)
{
    unsigned char *text = malloc(n + 1);
    *length = 0;
    *fits = true;
    for (const char *s = utf8; text && s < utf8 + n; s = g_utf8_next_char(s)) {
        gunichar c = g_utf8_get_char(s);
        if (c > 0xff) {
            *fits = false;
            free(text);
            return NULL;
        }
        text[(*length)++] = (unsigned char)c;
    }
    return text;
}

dr_status dr_png_add_text(const void *png, size_t size, const char *keyword, const char *text, void **out,
                          size_t *out_size)
{
    size_t key = strlen(keyword), n = strlen(text), latin_size;
    bool fits;
    DR_ASSERT(key >= 1 && key <= 79, "PNG keyword of %zu letters", key);
    *out = NULL;
    *out_size = 0;
    if (n > DR_PNG_TEXT_MAX / 3) /* making it valid may turn one byte into three */
        return dr_fail(DR_EINVAL, "cannot add a text of %zu bytes to a PNG: at most %u are allowed", n,
                       DR_PNG_TEXT_MAX / 3);
    char *valid = g_utf8_make_valid(text, (gssize)n);
    n = strlen(valid);
    unsigned char *latin = to_latin1(valid, n, &latin_size, &fits);
    /* keyword, 0, text; or keyword, 0, not compressed, method, empty language, empty translation, text */
    unsigned char *data = calloc(1, key + 5 + n);
    dr_status st;
    if (!data || (fits && !latin)) {
        st = dr_fail(DR_ENOMEM, "out of memory writing a PNG");
    } else if (fits) {
        memcpy(data, keyword, key);
        memcpy(data + key + 1, latin, latin_size);
        st = insert(png, size, "tEXt", data, key + 1 + latin_size, out, out_size);
    } else {
        memcpy(data, keyword, key);
        memcpy(data + key + 5, valid, n);
        st = insert(png, size, "iTXt", data, key + 5 + n, out, out_size);
    }
    free(data);
    free(latin);
    g_free(valid);
    return st;
}

/* UTF-8 from `n` bytes of Latin-1 (or of UTF-8 with its mistakes replaced), malloc'ed; NULL: out of memory.
 * A zero byte, which neither chunk may hold, ends the text. */
static char *to_utf8(const unsigned char *p, size_t n, bool latin1)
{
    const unsigned char *zero = n ? memchr(p, 0, n) : NULL;
    if (zero)
        n = (size_t)(zero - p);
    if (!latin1) {
        char *valid = g_utf8_make_valid((const char *)p, (gssize)n), *copy = strdup(valid);
        g_free(valid);
        return copy;
    }
    char *text = malloc(2 * n + 1), *s = text;
    for (size_t i = 0; text && i < n; i++) {
        if (p[i] < 0x80) {
            *s++ = (char)p[i];
        } else {
            *s++ = (char)(0xc0 | p[i] >> 6);
            *s++ = (char)(0x80 | (p[i] & 0x3f));
        }
    }
    if (text)
        *s = 0;
    return text;
}

/* The text behind the keyword of an iTXt chunk: two flags, language 0, translated keyword 0, text. */
static dr_status find_itxt_text(const unsigned char *p, size_t n, const char *name, const unsigned char **text,
                                size_t *length)
{
    if (n < 2)
        return dr_fail(DR_EINVAL, "cannot read the text of '%s': a text chunk is too short", name);
    if (p[0] != 0)
        return dr_fail(DR_EUNSUPPORTED, "cannot read the text of '%s': it is compressed", name);
    const unsigned char *end = p + n, *s = p + 2;
    for (int field = 0; field < 2; field++) {
        const unsigned char *zero = s < end ? memchr(s, 0, (size_t)(end - s)) : NULL;
        if (!zero)
            return dr_fail(DR_EINVAL, "cannot read the text of '%s': a text chunk is too short", name);
        s = zero + 1;
    }
    *text = s;
    *length = (size_t)(end - s);
    return DR_OK;
}

/* `chunk` is at the chunk's letters, `n` bytes of data behind them, then the CRC; the keyword has matched. */
static dr_status read_text(const unsigned char *chunk, size_t n, size_t key, const char *name, char **out)
{
    const unsigned char *text = chunk + 4 + key + 1;
    size_t length = n - key - 1;
    dr_status st = DR_OK;
    if (n > DR_PNG_TEXT_MAX)
        return dr_fail(DR_EINVAL, "cannot read the text of '%s': %zu bytes, at most %u are read", name, n,
                       DR_PNG_TEXT_MAX);
    if (dr_crc32(0, chunk, n + 4) != get32(chunk + 4 + n))
        return dr_fail(DR_EINVAL, "cannot read the text of '%s': its checksum is wrong, the file is damaged", name);
    if (memcmp(chunk, "zTXt", 4) == 0)
        return dr_fail(DR_EUNSUPPORTED, "cannot read the text of '%s': it is compressed", name);
    if (memcmp(chunk, "iTXt", 4) == 0)
        st = find_itxt_text(text, length, name, &text, &length);
    if (st)
        return st;
    *out = to_utf8(text, length, memcmp(chunk, "tEXt", 4) == 0);
    return *out ? DR_OK : dr_fail(DR_ENOMEM, "out of memory reading '%s'", name);
}

dr_status dr_png_find_text(const void *png, size_t size, const char *keyword, const char *name, char **out)
{
    const unsigned char *p = png, *end = p + size;
    size_t key = strlen(keyword);
    *out = NULL;
    if (!is_png(p, size))
        return dr_fail(DR_EINVAL, "cannot read the text of '%s': not a PNG", name);
    for (p += HEADER_END; end - p >= 12;) {
        size_t n = get32(p);
        if (n > (size_t)(end - p) - 12)
            return dr_fail(DR_EINVAL, "cannot read the text of '%s': the file ends within a chunk", name);
        bool text = memcmp(p + 4, "tEXt", 4) == 0 || memcmp(p + 4, "iTXt", 4) == 0 || memcmp(p + 4, "zTXt", 4) == 0;
        if (text && n > key && memcmp(p + 8, keyword, key + 1) == 0)
            return read_text(p + 4, n, key, name, out);
        if (memcmp(p + 4, "IEND", 4) == 0)
            break;
        p += 12 + n;
    }
    return dr_fail(DR_ENOENT, "'%s' has no text named '%s'", name, keyword);
}

dr_status dr_png_check(const void *png, size_t size, const char *name)
{
    const unsigned char *p = png, *end = p + size;
    if (!is_png(p, size))
        return dr_fail(DR_EINVAL, "cannot read '%s': damaged PNG file (no header chunk)", name);
    for (p += 8; end - p >= 12;) {
        size_t n = get32(p);
        if (n > (size_t)(end - p) - 12)
            break;
        bool critical = (p[4] & 0x20) == 0;
        if (critical && dr_crc32(0, p + 4, n + 4) != get32(p + 8 + n))
            return dr_fail(DR_EINVAL, "cannot read '%s': damaged PNG file (a checksum is wrong at byte %zu)", name,
                           (size_t)(p - (const unsigned char *)png));
        if (memcmp(p + 4, "IEND", 4) == 0)
            return DR_OK;
        p += 12 + n;
    }
    return dr_fail(DR_EINVAL, "cannot read '%s': incomplete PNG file (it ends after %zu bytes, within the picture)",
                   name, size);
}

bool dr_png_next(const void *png, size_t size, size_t *at, dr_png_part *out)
{
    const unsigned char *p = png;
    if (!is_png(p, size))
        return false;
    for (*at = *at ? *at : sizeof signature; size - *at >= 12;) {
        const unsigned char *chunk = p + *at;
        size_t n = get32(chunk);
        if (n > size - *at - 12)
            return false;
        *at += 12 + n;
        if (dr_crc32(0, chunk + 4, n + 4) != get32(chunk + 8 + n))
            continue;
        *out = (dr_png_part){chunk + 4, chunk + 8, n};
        return true;
    }
    return false;
}
