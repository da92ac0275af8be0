/* Pictures of tests/data/images are made by tools/golden/make_images.py, which says what is in them. */
#include "io/image.h"

#include "base/file.h"
#include "base/path.h"
#include "io/png_chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DATA DR_SOURCE_DIR "/tests/data/images/"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/drape-test-image-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails if a test left something behind */
}

static const uint8_t *pixel(const dr_image *im, int x, int y)
{
    return im->data + ((size_t)y * (size_t)im->width + (size_t)x) * (size_t)im->channels;
}

static void assert_pixel(const dr_image *im, int x, int y, int r, int g, int b, int tolerance)
{
    const uint8_t *p = pixel(im, x, y);
    const int want[3] = {r, g, b};
    for (int k = 0; k < im->channels && k < 3; k++)
        if (abs(p[k] - want[k]) > tolerance)
            fail_msg("pixel (%d,%d) is %d %d %d, expected %d %d %d", x, y, p[0], p[1], p[2], r, g, b);
}

/* Red, green / blue, white of 48 x 32. */
static void assert_quadrants(const dr_image *im, int tolerance)
{
    assert_int_equal(im->width, 48);
    assert_int_equal(im->height, 32);
    assert_pixel(im, 4, 4, 200, 30, 30, tolerance);
    assert_pixel(im, 44, 4, 30, 200, 30, tolerance);
    assert_pixel(im, 4, 28, 30, 30, 200, tolerance);
    assert_pixel(im, 44, 28, 230, 230, 230, tolerance);
}

static void reads_every_format(void **state)
{
    static const struct {
        const char *name;
        int tolerance;
    } files[] = {{"lossless.webp", 0},     {"deflate.tif", 0}, {"palette.gif", 0},
                 {"orientation-1.jpg", 2}, {"cmyk.jpg", 90},   {"palette.png", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[512];
        dr_image im;
        snprintf(path, sizeof path, DATA "%s", files[i].name);
        if (dr_image_read(&im, path, 3))
            fail_msg("%s", dr_error());
        assert_quadrants(&im, files[i].tolerance);
        dr_image_clear(&im);
    }
}

static void reads_avif_or_says_that_it_cannot(void **state)
{
    dr_image im;
    (void)state;
    dr_status st = dr_image_read(&im, DATA "photo.avif", 3);
    if (st) {
        assert_int_equal(st, DR_EUNSUPPORTED);
        return;
    }
    assert_quadrants(&im, 6);
    dr_image_clear(&im);
}

static void applies_all_eight_orientations(void **state)
{
    (void)state;
    for (int i = 1; i <= 8; i++) {
        char path[512];
        dr_image im;
        snprintf(path, sizeof path, DATA "orientation-%d.jpg", i);
        assert_int_equal(dr_image_read(&im, path, 3), DR_OK);
        assert_quadrants(&im, 2);
        dr_image_clear(&im);
    }
}

static void brings_16_bits_and_grey_to_8_bit_rgb(void **state)
{
    dr_image im;
    (void)state;
    assert_int_equal(dr_image_read(&im, DATA "grey16.png", 3), DR_OK);
    for (int v = 0; v < 256; v++)
        assert_pixel(&im, v % 16, v / 16, v, v, v, 0);
    dr_image_clear(&im);
    assert_int_equal(dr_image_read(&im, DATA "rgb16.png", 3), DR_OK);
    for (int v = 0; v < 256; v++)
        assert_pixel(&im, v % 16, v / 16, v, 128, v, 0);
    dr_image_clear(&im);
}

static void flattens_alpha_on_white_for_photos_and_black_for_masks(void **state)
{
    dr_image photo, mask, rgba;
    (void)state;
    assert_int_equal(dr_image_read(&photo, DATA "grey-alpha.png", 3), DR_OK);
    assert_int_equal(dr_image_read(&mask, DATA "grey-alpha.png", 1), DR_OK);
    assert_int_equal(dr_image_read(&rgba, DATA "grey-alpha.png", 4), DR_OK);
    for (int x = 0; x < 8; x++) {
        int a = 36 * x, white = (100 * a + 255 * (255 - a) + 127) / 255, black = (100 * a + 127) / 255;
        assert_pixel(&photo, x, 3, white, white, white, 0);
        assert_int_equal(*pixel(&mask, x, 3), black);
        assert_pixel(&rgba, x, 3, 100, 100, 100, 0);
        assert_int_equal(pixel(&rgba, x, 3)[3], a);
    }
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    dr_image_clear(&rgba);
}

static void converts_a_profile_and_leaves_srgb_untouched(void **state)
{
    dr_image im;
    (void)state;
    /* linear light 64, 128, 192 is 137, 188, 225 in sRGB */
    assert_int_equal(dr_image_read(&im, DATA "linear-profile.png", 3), DR_OK);
    assert_pixel(&im, 3, 3, 137, 188, 225, 1);
    dr_image_clear(&im);
    assert_int_equal(dr_image_read(&im, DATA "linear-profile.png", 4), DR_OK);
    assert_pixel(&im, 3, 3, 64, 128, 192, 0);
    dr_image_clear(&im);
    assert_int_equal(dr_image_read(&im, DATA "srgb-profile.png", 3), DR_OK);
    for (int v = 0; v < 256; v++)
        assert_pixel(&im, v % 16, v / 16, v, 0, 255 - v, 0);
    dr_image_clear(&im);
}

static void makes_luma_as_pil(void **state)
{
    dr_image im;
    (void)state;
    /* PIL: Image.new("RGB", (1, 1), c).convert("L") gives 81, 130, 49, 230 */
    assert_int_equal(dr_image_read(&im, DATA "deflate.tif", 1), DR_OK);
    assert_int_equal(*pixel(&im, 4, 4), 81);
    assert_int_equal(*pixel(&im, 44, 4), 130);
    assert_int_equal(*pixel(&im, 4, 28), 49);
    assert_int_equal(*pixel(&im, 44, 28), 230);
    dr_image_clear(&im);
}

static void refuses_broken_files_by_name(void **state)
{
    static const struct {
        const char *name, *says;
    } files[] = {{"truncated.jpg", "damaged or incomplete JPEG"},
                 {"truncated.png", "incomplete PNG"},
                 {"damaged.png", "a checksum is wrong"},
                 {"text.jpg", "it is no JPEG"},
                 {"huge.png", "30000x30000 pixels, at most 67 megapixels"},
                 {"resize.bin", "it is no JPEG"}};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[512];
        dr_image im;
        snprintf(path, sizeof path, DATA "%s", files[i].name);
        assert_int_equal(dr_image_read(&im, path, 3), DR_EINVAL);
        assert_null(im.data);
        if (!strstr(dr_error(), files[i].says) || !strstr(dr_error(), path) || strchr(dr_error(), '\n'))
            fail_msg("message is: %s", dr_error());
    }
    dr_image im;
    assert_int_equal(dr_image_read(&im, DATA "absent.png", 3), DR_ENOENT);
    assert_int_equal(dr_image_read_memory(&im, "", 0, "upload", 3), DR_EINVAL);
}

static void never_reaches_exotic_loaders(void **state)
{
    static const char *const files[] = {
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"></svg>",
        "%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n",
        "P3\n1 1\n255\n1 2 3\n",
        "push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 0,0 'msl:x'\npop graphic-context\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        dr_image im;
        assert_int_equal(dr_image_read_memory(&im, files[i], strlen(files[i]), "upload", 3), DR_EINVAL);
        assert_non_null(strstr(dr_error(), "it is no JPEG"));
    }
}

static dr_image noise(int width, int height, int channels)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, width, height, channels), DR_OK);
    uint32_t s = 1;
    for (size_t i = 0; i < (size_t)width * (size_t)height * (size_t)channels; i++)
        im.data[i] = (uint8_t)((s = s * 1664525u + 1013904223u) >> 24);
    return im;
}

static void writes_and_reads_back(void **state)
{
    static const char *const names[] = {"a.png", "a.PNG", "a.tif", "a.jpg", "a.webp"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        dr_image im, back;
        dr_path(path, sizeof path, folder, names[i]);
        bool lossless = i < 3;
        assert_int_equal(dr_image_read(&im, DATA "deflate.tif", 3), DR_OK);
        if (dr_image_write(&im, path, &(dr_image_write_options){.parameters = "x"}))
            fail_msg("%s", dr_error());
        assert_int_equal(dr_image_read(&back, path, 3), DR_OK);
        assert_quadrants(&back, lossless ? 0 : 4);
        dr_image_clear(&im);
        dr_image_clear(&back);
        unlink(path);
    }
}

static void jpeg_keeps_full_chroma(void **state)
{
    char path[128];
    dr_image back, im;
    (void)state;
    dr_path(path, sizeof path, folder, "a.jpg");
    assert_int_equal(dr_image_alloc(&im, 32, 32, 3), DR_OK);
    for (int i = 0; i < 32 * 32; i++) /* red and blue columns: halved chroma would make them purple */
        memcpy(im.data + 3 * i, i % 2 ? "\xff\0\0" : "\0\0\xff", 3);
    assert_int_equal(dr_image_write(&im, path, NULL), DR_OK);
    assert_int_equal(dr_image_read(&back, path, 3), DR_OK);
    assert_pixel(&back, 16, 16, 0, 0, 255, 40);
    assert_pixel(&back, 17, 16, 255, 0, 0, 40);
    dr_image_clear(&im);
    dr_image_clear(&back);
    unlink(path);
}

static void png_carries_its_parameters(void **state)
{
    static const char *const texts[] = {"a red dress\nSteps: 50", "caf\xc3\xa9", "\xe7\xba\xa2\xe8\x89\xb2 dress"};
    char path[128], *text;
    dr_image im = noise(9, 7, 3), back;
    (void)state;
    dr_path(path, sizeof path, folder, "a.png");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(dr_image_write(&im, path, &(dr_image_write_options){.parameters = texts[i]}), DR_OK);
        assert_int_equal(dr_image_read_parameters(path, &text), DR_OK);
        assert_string_equal(text, texts[i]);
        free(text);
        assert_int_equal(dr_image_read(&back, path, 3), DR_OK);
        assert_memory_equal(back.data, im.data, 9 * 7 * 3);
        dr_image_clear(&back);
    }
    assert_int_equal(dr_image_write(&im, path, NULL), DR_OK);
    assert_int_equal(dr_image_read_parameters(path, &text), DR_ENOENT);
    assert_null(text);
    dr_image_clear(&im);
    unlink(path);
}

static bool holds(const char *hay, size_t n, const char *needle, size_t m)
{
    for (size_t i = 0; i + m <= n; i++)
        if (memcmp(hay + i, needle, m) == 0)
            return true;
    return false;
}

static void jpeg_and_webp_carry_their_parameters_in_exif(void **state)
{
    static const char *const names[] = {"a.jpg", "a.webp"};
    char path[128], *data;
    size_t size;
    dr_image im = noise(16, 16, 3);
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        dr_path(path, sizeof path, folder, names[i]);
        assert_int_equal(dr_image_write(&im, path, &(dr_image_write_options){.parameters = "dr\xc3\xa9"}), DR_OK);
        assert_int_equal(dr_file_read(path, 1 << 20, &data, &size), DR_OK);
        assert_true(holds(data, size, "UNICODE\0\0d\0r\0\xe9", 14));
        free(data);
        unlink(path);
    }
    dr_image_clear(&im);
}

static void writes_nothing_under_names_it_does_not_know(void **state)
{
    dr_image im = noise(4, 4, 3);
    (void)state;
    assert_true(dr_image_can_write("a/b.c/Photo.JPEG"));
    assert_false(dr_image_can_write("a.png/photo"));
    assert_false(dr_image_can_write("photo.bmp"));
    assert_int_equal(dr_image_write(&im, "/tmp/photo.bmp", NULL), DR_EINVAL);
    assert_int_equal(dr_image_write(&im, "/absent-folder/photo.png", NULL), DR_EIO);
    dr_image_clear(&im);
}

static void resizes_as_pil_bit_for_bit(void **state)
{
    char *data;
    size_t size, cases = 0;
    (void)state;
    assert_int_equal(dr_file_read(DATA "resize.bin", 1 << 20, &data, &size), DR_OK);
    for (size_t at = 0; at < size; cases++) {
        const uint8_t *h = (const uint8_t *)data + at;
        dr_image in = {h[2], h[3], h[0], (uint8_t *)data + at + 6}, out;
        size_t in_bytes = (size_t)h[2] * h[3] * h[0], out_bytes = (size_t)h[4] * h[5] * h[0];
        assert_true(at + 6 + in_bytes + out_bytes <= size);
        assert_int_equal(dr_image_resize(&out, &in, h[4], h[5], (dr_resample)h[1]), DR_OK);
        if (memcmp(out.data, in.data + in_bytes, out_bytes) != 0)
            fail_msg("filter %d, %d channels, %dx%d to %dx%d differs from PIL", h[1], h[0], h[2], h[3], h[4], h[5]);
        dr_image_clear(&out);
        at += 6 + in_bytes + out_bytes;
    }
    assert_int_equal(cases, 56);
    free(data);
}

static void resizes_into_floats_as_pil(void **state)
{
    char *data;
    size_t size, cases = 0;
    (void)state;
    assert_int_equal(dr_file_read(DATA "resize-float.bin", 1 << 20, &data, &size), DR_OK);
    for (size_t at = 0; at < size; cases++) {
        const uint8_t *h = (const uint8_t *)data + at;
        dr_image in = {h[2], h[3], h[0], (uint8_t *)data + at + 6};
        size_t in_bytes = (size_t)h[2] * h[3] * h[0], n = (size_t)h[4] * h[5] * h[0];
        float *out, want;
        assert_true(at + 6 + in_bytes + n * sizeof want <= size);
        assert_int_equal(dr_image_resize_float(&out, &in, h[4], h[5], (dr_resample)h[1]), DR_OK);
        for (size_t i = 0; i < n; i++) {
            memcpy(&want, in.data + in_bytes + i * sizeof want, sizeof want);
            if (out[i] != want)
                fail_msg("%d channels, %dx%d to %dx%d: %.9g, PIL has %.9g", h[0], h[2], h[3], h[4], h[5],
                         (double)out[i], (double)want);
        }
        free(out);
        at += 6 + in_bytes + n * sizeof want;
    }
    assert_int_equal(cases, 14);
    free(data);
}

static void resizes_large_pictures_as_pil(void **state)
{
    /* large enough for several threads; FNV-1a of what PIL makes of the same noise */
    static const struct {
        int width, height;
        dr_resample how;
        uint32_t hash;
    } cases[] = {
        {333, 222, DR_LANCZOS, 0x86294bac}, {777, 600, DR_BILINEAR, 0xdf4e1fbe}, {501, 201, DR_LANCZOS, 0xef10597d}};
    dr_image im = noise(500, 400, 3), out;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t hash = 2166136261u;
        assert_int_equal(dr_image_resize(&out, &im, cases[i].width, cases[i].height, cases[i].how), DR_OK);
        for (size_t k = 0; k < (size_t)out.width * (size_t)out.height * 3; k++)
            hash = (hash ^ out.data[k]) * 16777619u;
        assert_int_equal(hash, cases[i].hash);
        dr_image_clear(&out);
    }
    dr_image_clear(&im);
}

static void blurs_as_pil_bit_for_bit(void **state)
{
    char *data;
    size_t size, cases = 0;
    (void)state;
    assert_int_equal(dr_file_read(DATA "blur.bin", 1 << 20, &data, &size), DR_OK);
    for (size_t at = 0; at < size; cases++) {
        const uint8_t *h = (const uint8_t *)data + at;
        dr_image im = {h[2], h[3], h[0], (uint8_t *)data + at + 4};
        size_t bytes = (size_t)h[2] * h[3] * h[0];
        assert_true(at + 4 + 2 * bytes <= size);
        assert_int_equal(dr_image_gaussian(&im, h[1] / 10.0), DR_OK);
        if (memcmp(im.data, im.data + bytes, bytes) != 0)
            fail_msg("radius %g, %d channels, %dx%d differs from PIL", h[1] / 10.0, h[0], h[2], h[3]);
        at += 4 + 2 * bytes;
    }
    assert_int_equal(cases, 64);
    free(data);
}

static void blurs_large_pictures_as_pil(void **state)
{
    /* large enough for several threads; FNV-1a of what PIL makes of the same noise */
    dr_image im = noise(500, 400, 3);
    uint32_t hash = 2166136261u;
    (void)state;
    assert_int_equal(dr_image_gaussian(&im, 9), DR_OK);
    for (size_t k = 0; k < (size_t)500 * 400 * 3; k++)
        hash = (hash ^ im.data[k]) * 16777619u;
    assert_int_equal(hash, 0xca88ff3f);
    dr_image_clear(&im);
}

/* torch.nn.functional.interpolate(mode="nearest") and PIL's NEAREST take different pixels of the same row */
static void nearest_has_two_rules(void **state)
{
    static const uint8_t top_left[] = {0, 1, 3, 4, 6, 7, 9}, middle[] = {0, 2, 3, 5, 7, 8, 10};
    uint8_t row[11] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    dr_image in = {11, 1, 1, row}, out;
    (void)state;
    assert_int_equal(dr_image_resize(&out, &in, 7, 1, DR_TOP_LEFT), DR_OK);
    assert_memory_equal(out.data, top_left, 7);
    dr_image_clear(&out);
    assert_int_equal(dr_image_resize(&out, &in, 7, 1, DR_NEAREST), DR_OK);
    assert_memory_equal(out.data, middle, 7);
    dr_image_clear(&out);
}

static void luma_of_a_picture_is_pils(void **state)
{
    uint8_t rgb[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 10, 20, 30};
    static const uint8_t want[] = {76, 150, 29, 255, 18};
    dr_image in = {5, 1, 3, rgb}, out;
    (void)state;
    assert_int_equal(dr_image_luma(&out, &in), DR_OK);
    assert_memory_equal(out.data, want, 5);
    dr_image_clear(&out);
}

static void crops(void **state)
{
    dr_image im = noise(9, 7, 3), out;
    (void)state;
    assert_int_equal(dr_image_crop(&out, &im, 2, 3, 7, 4), DR_OK);
    for (int y = 0; y < 4; y++)
        assert_memory_equal(pixel(&out, 0, y), pixel(&im, 2, y + 3), 7 * 3);
    dr_image_clear(&im);
    dr_image_clear(&out);
}

/* found by fuzzing: the signature of a JPEG, and nothing behind it (on the heap, where an overrun is seen) */
static void three_bytes_are_a_damaged_jpeg(void **state)
{
    (void)state;
    dr_image im;
    unsigned char *bytes = malloc(3);
    assert_non_null(bytes);
    memcpy(bytes, "\xff\xd8\xff", 3);
    assert_int_equal(dr_image_read_memory(&im, bytes, 3, "short", 3), DR_EINVAL);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_format),
        cmocka_unit_test(reads_avif_or_says_that_it_cannot),
        cmocka_unit_test(applies_all_eight_orientations),
        cmocka_unit_test(brings_16_bits_and_grey_to_8_bit_rgb),
        cmocka_unit_test(flattens_alpha_on_white_for_photos_and_black_for_masks),
        cmocka_unit_test(converts_a_profile_and_leaves_srgb_untouched),
        cmocka_unit_test(makes_luma_as_pil),
        cmocka_unit_test(refuses_broken_files_by_name),
        cmocka_unit_test(never_reaches_exotic_loaders),
        cmocka_unit_test(writes_and_reads_back),
        cmocka_unit_test(jpeg_keeps_full_chroma),
        cmocka_unit_test(png_carries_its_parameters),
        cmocka_unit_test(jpeg_and_webp_carry_their_parameters_in_exif),
        cmocka_unit_test(writes_nothing_under_names_it_does_not_know),
        cmocka_unit_test(resizes_as_pil_bit_for_bit),
        cmocka_unit_test(resizes_into_floats_as_pil),
        cmocka_unit_test(resizes_large_pictures_as_pil),
        cmocka_unit_test(blurs_as_pil_bit_for_bit),
        cmocka_unit_test(blurs_large_pictures_as_pil),
        cmocka_unit_test(nearest_has_two_rules),
        cmocka_unit_test(luma_of_a_picture_is_pils),
        cmocka_unit_test(crops),
        cmocka_unit_test(three_bytes_are_a_damaged_jpeg),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
