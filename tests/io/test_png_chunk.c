#include "io/png_chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A whole 1 x 1 grey PNG, made with Pillow. */
static const unsigned char tiny[] =
    "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0\x3a\x7e\x9b\x55\0\0\0\nIDAT\x78\x9c\x63\x60\0\0\0\2\0\1"
    "\x48\xaf\xa4\x71\0\0\0\0IEND\xae\x42\x60\x82";
enum { TINY = sizeof tiny - 1, HEADER_END = 33 };

static void writes_text_chunks_as_pil(void **state)
{
    void *out;
    size_t size;
    (void)state;
    /* PngInfo().add_text("parameters", "caf\u00e9") */
    static const char text[] = "\0\0\0\x0ftEXtparameters\0caf\xe9\x29\x24\x9c\x89";
    assert_int_equal(dr_png_add_text(tiny, TINY, "parameters", "caf\xc3\xa9", &out, &size), DR_OK);
    assert_int_equal(size, TINY + 12 + 15);
    assert_memory_equal(out, tiny, HEADER_END);
    assert_memory_equal((char *)out + HEADER_END, text, sizeof text - 1);
    assert_memory_equal((char *)out + HEADER_END + 27, tiny + HEADER_END, TINY - HEADER_END);
    free(out);
    /* PngInfo().add_text("parameters", "\u7ea2") */
    static const char itext[] = "\0\0\0\x12iTXtparameters\0\0\0\0\0\xe7\xba\xa2\x31\xfd\x96\x0b";
    assert_int_equal(dr_png_add_text(tiny, TINY, "parameters", "\xe7\xba\xa2", &out, &size), DR_OK);
    assert_memory_equal((char *)out + HEADER_END, itext, sizeof itext - 1);
    free(out);
}

static void finds_what_it_wrote(void **state)
{
    static const char *const texts[] = {"", "plain", "caf\xc3\xa9\n\xc2\xa0", "\xf0\x9f\x91\x97 dress"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        void *out;
        size_t size;
        char *text;
        assert_int_equal(dr_png_add_text(tiny, TINY, "parameters", texts[i], &out, &size), DR_OK);
        assert_int_equal(dr_png_check(out, size, "a.png"), DR_OK);
        assert_int_equal(dr_png_find_text(out, size, "parameters", "a.png", &text), DR_OK);
        assert_string_equal(text, texts[i]);
        free(text);
        assert_int_equal(dr_png_find_text(out, size, "parameter", "a.png", &text), DR_ENOENT);
        free(out);
    }
}

static void replaces_bytes_that_are_not_utf8(void **state)
{
    void *out;
    size_t size;
    char *text;
    (void)state;
    assert_int_equal(dr_png_add_text(tiny, TINY, "parameters",
                                     "a\xff"
                                     "b",
                                     &out, &size),
                     DR_OK);
    assert_int_equal(dr_png_find_text(out, size, "parameters", "a.png", &text), DR_OK);
    assert_string_equal(text, "a\xef\xbf\xbd"
                              "b");
    free(text);
    free(out);
}

static void refuses_damaged_text(void **state)
{
    void *out;
    size_t size;
    char *text;
    (void)state;
    assert_int_equal(dr_png_add_text(tiny, TINY, "parameters", "plain", &out, &size), DR_OK);
    unsigned char *p = out;
    p[HEADER_END + 20] ^= 1;
    assert_int_equal(dr_png_find_text(p, size, "parameters", "a.png", &text), DR_EINVAL);
    assert_null(text);
    p[HEADER_END] = 0x7f; /* a length beyond the file */
    assert_int_equal(dr_png_find_text(p, size, "parameters", "a.png", &text), DR_EINVAL);
    for (size_t n = 0; n < size; n++) /* cut anywhere */
        assert_true(dr_png_find_text(p, n, "parameters", "a.png", &text) < 0);
    free(out);
}

static void says_that_compressed_text_is_not_read(void **state)
{
    /* PngInfo().add_text("parameters", "x", zip=True) behind the header */
    static const unsigned char chunk[] = "\0\0\0\x15zTXtparameters\0\0\x78\x9c\xab\0\0\0\x79\0\x79\xc8\xac\x33\x63";
    unsigned char png[TINY + sizeof chunk];
    char *text;
    (void)state;
    memcpy(png, tiny, HEADER_END);
    memcpy(png + HEADER_END, chunk, sizeof chunk - 1);
    memcpy(png + HEADER_END + sizeof chunk - 1, tiny + HEADER_END, TINY - HEADER_END);
    assert_int_equal(dr_png_find_text(png, TINY + sizeof chunk - 1, "parameters", "a.png", &text), DR_EUNSUPPORTED);
}

static void check_sees_a_flipped_bit_and_a_missing_end(void **state)
{
    unsigned char png[TINY];
    (void)state;
    memcpy(png, tiny, TINY);
    assert_int_equal(dr_png_check(png, TINY, "a.png"), DR_OK);
    for (size_t at = 16; at < HEADER_END; at++) {
        png[at] ^= 4;
        assert_int_equal(dr_png_check(png, TINY, "a.png"), DR_EINVAL);
        png[at] ^= 4;
    }
    for (size_t n = 0; n < TINY; n++)
        assert_int_equal(dr_png_check(png, n, "a.png"), DR_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_text_chunks_as_pil),
        cmocka_unit_test(finds_what_it_wrote),
        cmocka_unit_test(replaces_bytes_that_are_not_utf8),
        cmocka_unit_test(refuses_damaged_text),
        cmocka_unit_test(says_that_compressed_text_is_not_read),
        cmocka_unit_test(check_sees_a_flipped_bit_and_a_missing_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
