/* Shapes that Pillow drew: tests/golden/pillow-draw.txt, by tools/golden/make_pillow_draw.py, or another file of that
 * kind as argument. */
#include "base/crc32.h"
#include "io/pillow_draw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *shapes = DR_SOURCE_DIR "/tests/golden/pillow-draw.txt";
static const uint8_t grey[] = {128, 129, 130};

static void draw(dr_image *im, const char *kind, const double *n, int count)
{
    const dr_point *p = (const dr_point *)n;
    if (strcmp(kind, "line") == 0)
        dr_draw_line(im, p[0], p[1], (int)n[4], grey);
    else if (strcmp(kind, "polygon") == 0)
        dr_draw_polygon(im, p, count / 2, grey);
    else if (strcmp(kind, "ellipse") == 0)
        dr_draw_ellipse(im, p[0], p[1], grey);
    else
        dr_draw_rectangle(im, p[0], p[1], grey);
}

static int read_numbers(const char *at, double *n, int most)
{
    int count = 0, used;
    while (count < most && sscanf(at, "%lf%n", &n[count], &used) == 1) {
        count++;
        at += used;
    }
    return count;
}

static void draws_each_shape_as_pillow(void **state)
{
    char line[512], kind[16];
    int drawn = 0, wrong = 0, at;
    FILE *f = fopen(shapes, "r");
    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        double n[32];
        dr_image im;
        int width, height;
        const char *colon = strchr(line, ':');
        assert_int_equal(sscanf(line, "%15s %d %d%n", kind, &width, &height, &at), 3);
        assert_non_null(colon);
        assert_int_equal(dr_image_alloc(&im, width, height, 1), DR_OK);
        memset(im.data, 0, (size_t)width * (size_t)height);
        draw(&im, kind, n, read_numbers(line + at, n, 32));
        if (dr_crc32(0, im.data, (size_t)width * (size_t)height) != strtoul(colon + 1, NULL, 10)) {
            fprintf(stderr, "another picture than Pillow's: %s", line);
            wrong++;
        }
        drawn++;
        dr_image_clear(&im);
    }
    fclose(f);
    assert_true(drawn >= 300);
    assert_int_equal(wrong, 0);
}

static void draws_all_channels_of_a_photo(void **state)
{
    dr_image im;
    (void)state;
    assert_int_equal(dr_image_alloc(&im, 5, 3, 3), DR_OK);
    memset(im.data, 7, 45);
    dr_draw_rectangle(&im, (dr_point){1.9, 1.2}, (dr_point){9, 1.9}, grey);
    for (int i = 0; i < 15; i++) {
        bool in = i / 5 == 1 && i % 5 >= 1;
        for (int k = 0; k < 3; k++)
            assert_int_equal(im.data[3 * i + k], in ? grey[k] : 7);
    }
    dr_image_clear(&im);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_each_shape_as_pillow),
        cmocka_unit_test(draws_all_channels_of_a_photo),
    };
    if (argc > 1)
        shapes = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
