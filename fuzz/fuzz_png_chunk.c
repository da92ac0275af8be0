/* libFuzzer: text chunks of a PNG. What is read must be UTF-8; what is written must be read back.
 *
 * Each input is tried as it is, and, because random changes never keep a CRC right, once more with every chunk's CRC
 * set to fit. */
#include "io/png_chunk.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever the picture is, a text that was added is the first one found. */
static void add_and_find(const uint8_t *png, size_t size, const char *text)
{
    void *out;
    size_t out_size;
    char *found;
    if (dr_png_add_text(png, size, "parameters", text, &out, &out_size) != DR_OK)
        return;
    if (dr_png_find_text(out, out_size, "parameters", "added", &found) != DR_OK)
        abort();
    if (g_utf8_validate(text, -1, NULL) && strcmp(found, text) != 0)
        abort();
    free(found);
    free(out);
}

static void try_file(const uint8_t *data, size_t size)
{
    char *text, head[64] = {0};
    if (dr_png_find_text(data, size, "parameters", "fuzz", &text) == DR_OK) {
        if (!g_utf8_validate(text, -1, NULL))
            abort();
        add_and_find(data, size, text);
        free(text);
    }
    (void)dr_png_check(data, size, "fuzz");
    int turned = dr_png_old_orientation(data, size), bare = dr_exif_orientation(data, size);
    if (turned < 0 || turned > 8 || bare < 0 || bare > 8)
        abort();
    memcpy(head, data, size < sizeof head - 1 ? size : sizeof head - 1);
    add_and_find(data, size, head + (size > 33 ? 33 : 0));
}

/* The CRC-32 that PNG asks for (ISO 3309), bit by bit. */
static uint32_t crc_of(const uint8_t *p, size_t n)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void fit_crcs(uint8_t *p, size_t size)
{
    for (size_t at = 8; size >= 12 && at <= size - 12;) {
        size_t n = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 | p[at + 3];
        if (n > size - 12 - at)
            return;
        uint32_t crc = crc_of(p + at + 4, n + 4);
        for (int i = 0; i < 4; i++)
            p[at + 8 + n + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += 12 + n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_file(data, size);
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    fit_crcs(copy, size);
    try_file(copy, size);
    free(copy);
    return 0;
}
