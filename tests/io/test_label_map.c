#include "base/file.h"
#include "io/label_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* PIL: Image.new("P", (4, 2)), data 0 1 2 13 9 10 15 7, a palette of one colour throughout, bits=4 */
static const unsigned char four_bits[] =
    "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x04\x00\x00\x00\x02\x04\x03\x00\x00"
    "\x00\x8d\x86\x60\x50\x00\x00\x00\x30\x50\x4c\x54\x45\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8"
    "\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8\xc8"
    "\xc8\xc8\xc8\xc8\xc8\x32\x09\xe1\x6b\x00\x00\x00\x0e\x49\x44\x41\x54\x78\x9c\x63\x64\xd4\x61\x98\xf5\x1d\x00\x02"
    "\xec\x01\xc0\x87\x0f\xcc\xd3\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

/* the same with bits=1 and the data 0 1 1 0 1 0 1 1 */
static const unsigned char one_bit[] =
    "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x04\x00\x00\x00\x02\x01\x03\x00\x00"
    "\x00\x45\x66\xef\x20\x00\x00\x00\x06\x50\x4c\x54\x45\x09\x08\x07\x06\x05\x04\x51\x58\xd7\x91\x00\x00\x00\x0c\x49"
    "\x44\x41\x54\x78\x9c\x63\x48\x60\xd8\x00\x00\x01\xd4\x01\x11\xed\x3d\x6a\x59\x00\x00\x00\x00\x49\x45\x4e\x44\xae"
    "\x42\x60\x82";

static void reads_a_palettes_indices_not_its_colours(void **state)
{
    static const uint8_t want[] = {0, 1, 2, 13, 9, 10, 15, 7}, bits[] = {0, 1, 1, 0, 1, 0, 1, 1};
    dr_image im;
    (void)state;
    assert_int_equal(dr_label_map_read_memory(&im, four_bits, sizeof four_bits - 1, "m.png"), DR_OK);
    assert_int_equal(im.channels, 1);
    assert_memory_equal(im.data, want, sizeof want);
    dr_image_clear(&im);
    assert_int_equal(dr_label_map_read_memory(&im, one_bit, sizeof one_bit - 1, "m.png"), DR_OK);
    assert_memory_equal(im.data, bits, sizeof bits);
    dr_image_clear(&im);
}

static void reads_what_it_wrote(void **state)
{
    uint8_t v[256];
    char path[] = "/tmp/label-map-XXXXXX.png";
    dr_image im = {16, 16, 1, v}, back, colours;
    (void)state;
    for (int i = 0; i < 256; i++)
        v[i] = (uint8_t)(255 - i);
    close(mkstemps(path, 4));
    assert_int_equal(dr_label_map_write(&im, path), DR_OK);
    assert_int_equal(dr_label_map_read(&back, path), DR_OK);
    assert_memory_equal(back.data, v, 256);
    assert_int_equal(dr_image_read(&colours, path, 3), DR_OK); /* and there is something to see */
    assert_true(colours.data[3 * 254] != colours.data[3 * 255] || colours.data[3 * 254 + 1] != 0);
    dr_image_clear(&back);
    dr_image_clear(&colours);
    remove(path);
}

static void reads_grey_values_as_they_are(void **state)
{
    uint8_t v[] = {0, 5, 19, 255};
    void *png;
    size_t size;
    dr_image im = {4, 1, 1, v}, back;
    (void)state;
    assert_int_equal(dr_image_encode_png(&im, NULL, &png, &size), DR_OK);
    assert_int_equal(dr_label_map_read_memory(&back, png, size, "m.png"), DR_OK);
    assert_memory_equal(back.data, v, 4);
    assert_int_equal(dr_label_map_check(&back, 20, "m.png"), DR_EINVAL);
    assert_string_equal(dr_error(), "'m.png' has the label 255 at (3, 0), its label set has 0 to 19");
    dr_image_clear(&back);
    free(png);
}

static void refuses_colours_and_formats_that_change_numbers(void **state)
{
    uint8_t v[12] = {0};
    void *file;
    size_t size;
    dr_image im = {2, 2, 3, v}, back;
    (void)state;
    assert_int_equal(dr_image_encode_png(&im, NULL, &file, &size), DR_OK);
    assert_int_equal(dr_label_map_read_memory(&back, file, size, "m.png"), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "'m.png'"));
    assert_non_null(strstr(dr_error(), "channels of colour"));
    free(file);
    assert_int_equal(dr_image_encode(&im, "x.jpg", NULL, &file, &size), DR_OK);
    assert_int_equal(dr_label_map_read_memory(&back, file, size, "m.jpg"), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "must be a PNG"));
    free(file);
    assert_null(back.data);
}

static void refuses_damaged_files(void **state)
{
    dr_image im;
    unsigned char bytes[sizeof four_bits];
    (void)state;
    for (size_t n = 0; n < sizeof four_bits - 1; n++) /* cut off anywhere; without the end the picture is whole */
        if (dr_label_map_read_memory(&im, four_bits, n, "m.png") == DR_OK) {
            assert_true(n >= sizeof four_bits - 1 - 12);
            dr_image_clear(&im);
        }
    memcpy(bytes, four_bits, sizeof bytes);
    bytes[24] = 8; /* other bits than the data has, and a wrong checksum */
    assert_int_equal(dr_label_map_read_memory(&im, bytes, sizeof bytes - 1, "m.png"), DR_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_palettes_indices_not_its_colours),
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(reads_grey_values_as_they_are),
        cmocka_unit_test(refuses_colours_and_formats_that_change_numbers),
        cmocka_unit_test(refuses_damaged_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
