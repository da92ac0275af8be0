/* EXIF as text in a PNG, in all forms that old programs wrote, and what hostile ones may. */
#include "io/image.h"
#include "io/png_chunk.h"

#include <gio/gio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEADER_END = 33, W = 5, H = 3 };

/* A file under construction. */
static unsigned char file[1 << 20];
static size_t size;

static uint32_t crc_of(const unsigned char *p, size_t n)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void put32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> (24 - 8 * i));
}

/* A whole PNG of 5x3, red at its top left. */
static void begin(void)
{
    dr_image im;
    void *png;
    assert_int_equal(dr_image_alloc(&im, W, H, 3), DR_OK);
    memset(im.data, 0, (size_t)(3 * W * H));
    im.data[0] = 255;
    assert_int_equal(dr_image_encode_png(&im, NULL, &png, &size), DR_OK);
    memcpy(file, png, size);
    free(png);
    dr_image_clear(&im);
}

static void add(const char *type, const void *data, size_t n)
{
    unsigned char *at = file + HEADER_END;
    assert_true(size + n + 12 <= sizeof file);
    memmove(at + n + 12, at, size - HEADER_END);
    put32(at, (uint32_t)n);
    memcpy(at + 4, type, 4);
    memcpy(at + 8, data, n);
    put32(at + 8 + n, crc_of(at + 4, n + 4));
    size += n + 12;
}

/* EXIF with nothing but an orientation. */
static size_t exif(unsigned char *p, int orientation, bool little, bool jpeg)
{
    static const unsigned char ii[] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3,
                                       0,   1,   0,  0, 0, 9, 0, 0, 0, 0, 0,    0, 0};
    static const unsigned char mm[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
                                       3,   0,   0, 0,  1, 0, 9, 0, 0, 0, 0, 0,    0};
    size_t head = jpeg ? 6 : 0;
    memcpy(p, "Exif\0\0", head);
    memcpy(p + head, little ? ii : mm, sizeof ii);
    p[head + (little ? 18 : 19)] = (unsigned char)orientation;
    return head + sizeof ii;
}

/* As ImageMagick writes it: name, length, lines of 36 bytes in hexadecimal. */
static size_t as_text(char *out, const char *name, const unsigned char *p, size_t n)
{
    size_t at = (size_t)sprintf(out, "\n%s\n%8zu\n", name, n);
    for (size_t i = 0; i < n; i++)
        at += (size_t)sprintf(out + at, "%02x%s", p[i], i % 36 == 35 || i + 1 == n ? "\n" : "");
    return at;
}

static size_t deflate(unsigned char *out, size_t room, const void *data, size_t n)
{
    gsize in = 0, used = 0;
    GConverter *z = G_CONVERTER(g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 9));
    size_t at = 0, from = 0;
    GConverterResult r;
    do {
        r = g_converter_convert(z, (const char *)data + from, n - from, out + at, room - at, G_CONVERTER_INPUT_AT_END,
                                &in, &used, NULL);
        assert_int_not_equal(r, G_CONVERTER_ERROR);
        from += in;
        at += used;
    } while (r != G_CONVERTER_FINISHED);
    g_object_unref(z);
    return at;
}

/* A text chunk of any of the three types; iTXt compressed or not. */
static void add_text(const char *type, bool deflated, const char *keyword, const char *text, size_t n)
{
    static unsigned char data[1 << 19];
    size_t at = strlen(keyword) + 1;
    memcpy(data, keyword, at);
    if (strcmp(type, "zTXt") == 0)
        data[at++] = 0;
    if (strcmp(type, "iTXt") == 0) {
        memcpy(data + at, deflated ? "\1\0en\0\0" : "\0\0en\0\0", 6);
        at += 6;
    }
    if (deflated)
        at += deflate(data + at, sizeof data - at, text, n);
    else
        memcpy(data + at, text, n);
    add(type, data, deflated ? at : at + n);
}

static const struct {
    const char *type;
    bool deflated;
} forms[] = {{"tEXt", false}, {"zTXt", true}, {"iTXt", false}, {"iTXt", true}};

static void turns_a_picture_as_old_exif_says_in_every_form(void **state)
{
    (void)state;
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++)
        for (int orientation = 1; orientation <= 8; orientation++)
            for (int kind = 0; kind < 4; kind++) {
                unsigned char bytes[64];
                char text[256];
                bool app1 = kind & 1;
                size_t n = exif(bytes, orientation, kind & 2, app1);
                n = as_text(text, app1 ? "APP1" : "exif", bytes, n);
                begin();
                add_text(forms[f].type, forms[f].deflated, app1 ? "Raw profile type APP1" : "Raw profile type exif",
                         text, n);
                assert_int_equal(dr_png_old_orientation(file, size), orientation);
                dr_image im;
                dr_image_header h;
                assert_int_equal(dr_image_read_memory(&im, file, size, "a.png", 3), DR_OK);
                assert_int_equal(im.width, orientation >= 5 ? H : W);
                assert_int_equal(im.height, orientation >= 5 ? W : H);
                static const int corner[9][2] = {{0},    {0, 0},     {W - 1, 0},     {W - 1, H - 1}, {0, H - 1},
                                                 {0, 0}, {H - 1, 0}, {H - 1, W - 1}, {0, W - 1}};
                int at = corner[orientation][1] * im.width + corner[orientation][0];
                assert_int_equal(im.data[3 * at], 255);
                dr_image_clear(&im);
                assert_int_equal(dr_image_read_header(&h, file, size, "a.png"), DR_OK);
                assert_true(h.width == (orientation >= 5 ? H : W) && h.upright == (orientation == 1));
            }
}

static void the_chunk_made_for_exif_counts_more_than_text(void **state)
{
    unsigned char bytes[64];
    char text[256];
    (void)state;
    begin();
    add_text("tEXt", false, "Raw profile type exif", text, as_text(text, "exif", bytes, exif(bytes, 6, true, false)));
    size_t n = exif(bytes, 1, true, false);
    add("eXIf", bytes, n);
    assert_int_equal(dr_png_old_orientation(file, size), 0);
    dr_image im;
    assert_int_equal(dr_image_read_memory(&im, file, size, "a.png", 3), DR_OK);
    assert_int_equal(im.width, W);
    dr_image_clear(&im);
}

static void xmp_under_the_same_keyword_is_no_exif(void **state)
{
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>";
    unsigned char bytes[64];
    char text[256];
    (void)state;
    begin();
    add_text("zTXt", true, "Raw profile type APP1", text, as_text(text, "APP1", bytes, exif(bytes, 3, true, true)));
    add_text("zTXt", true, "Raw profile type APP1", text,
             as_text(text, "APP1", (const unsigned char *)xmp, sizeof xmp - 1));
    assert_int_equal(dr_png_old_orientation(file, size), 3); /* the first stands before it in the file */
}

static void damaged_profiles_turn_nothing(void **state)
{
    static const char *const texts[] = {"",
                                        "\n",
                                        "exif",
                                        "\nexif\n",
                                        "\nexif\n  26\n",
                                        "\nexif\n  26\n4",
                                        "\nexif\n  26\nII*\n",
                                        "\nexif\n  26\n49492a00ffffffff0100",
                                        "\nexif\n  26\n49492a00feffffff010012010300",
                                        "\nexif\n  26\n49492a0008000000ffff120103000100000000000000",
                                        "\nexif\n  26\n49492a00080000000100120103000100000009000000",
                                        "\nexif\n  26\n49492a00080000000100120104000100000006000000",
                                        "\nexif\n  26\n49492a000800000001001201"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
            begin();
            add_text(forms[f].type, forms[f].deflated, "Raw profile type exif", texts[i], strlen(texts[i]));
            assert_int_equal(dr_png_old_orientation(file, size), 0);
        }
    unsigned char bytes[64];
    char text[256];
    size_t n = as_text(text, "exif", bytes, exif(bytes, 6, true, false));
    begin();
    add_text("zTXt", true, "Raw profile type exif", text, n);
    for (size_t at = 0; at < size; at++) { /* a flipped bit: the checksum is wrong, or it is elsewhere */
        file[at] ^= 16;
        int turned = dr_png_old_orientation(file, size);
        assert_true(turned == 0 || turned == 6);
        file[at] ^= 16;
    }
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *part = malloc(cut ? cut : 1); /* so that a sanitizer sees what is read beyond */
        memcpy(part, file, cut);
        (void)dr_png_old_orientation(part, cut);
        free(part);
    }
}

/* 16 MiB of zeros deflate to 16 KiB: only the start may be taken. */
static void a_bomb_is_not_blown_up(void **state)
{
    enum { BOMB = 16 << 20 };
    (void)state;
    char *zeros = calloc(1, BOMB);
    assert_non_null(zeros);
    begin();
    add_text("zTXt", true, "Raw profile type exif", zeros, BOMB);
    free(zeros);
    assert_int_equal(dr_png_old_orientation(file, size), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_a_picture_as_old_exif_says_in_every_form),
        cmocka_unit_test(the_chunk_made_for_exif_counts_more_than_text),
        cmocka_unit_test(xmp_under_the_same_keyword_is_no_exif),
        cmocka_unit_test(damaged_profiles_turn_nothing),
        cmocka_unit_test(a_bomb_is_not_blown_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
