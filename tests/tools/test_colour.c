/* Colours: CIELAB against known values, names, and garments of another colour. */
#include "mini/colour.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void near(float got, float want)
{
    if (fabsf(got - want) > 0.02f)
        fail_msg("%g, expected %g", (double)got, (double)want);
}

/* Values of skimage.color.rgb2lab. */
static void lab_has_the_known_values(void **state)
{
    static const struct {
        uint8_t rgb[3];
        float L, a, b;
    } known[] = {{{255, 255, 255}, 100, 0, 0},
                 {{0, 0, 0}, 0, 0, 0},
                 {{255, 0, 0}, 53.2406f, 80.0942f, 67.2028f},
                 {{0, 255, 0}, 87.7351f, -86.1813f, 83.1866f},
                 {{0, 0, 255}, 32.2957f, 79.1856f, -107.8573f},
                 {{119, 119, 119}, 50.0344f, 0, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        dr_lab c = dr_lab_of(known[i].rgb);
        uint8_t back[3];
        near(c.L, known[i].L);
        near(c.a, known[i].a);
        near(c.b, known[i].b);
        dr_lab_to_rgb(c, back);
        assert_memory_equal(back, known[i].rgb, 3);
    }
}

static void every_shade_drawn_has_its_name(void **state)
{
    dr_rng r;
    int right = 0;
    (void)state;
    dr_rng_seed(&r, 3);
    for (int i = 0; i < 500; i++) {
        dr_lab shade;
        const char *name = mini_colour_draw(&r, &shade);
        right += strcmp(mini_colour_name(shade), name) == 0;
    }
    assert_true(right > 450); /* shades near a border may belong to both */
}

/* A black garment on a green ground, with a fold. */
static void a_garment_takes_the_colour_and_keeps_its_folds(void **state)
{
    enum { W = 32, H = 32 };
    dr_image photo = {0}, map = {0};
    static const uint8_t red[3] = {196, 32, 42};
    (void)state;
    assert_int_equal(dr_image_alloc(&photo, W, H, 3), DR_OK);
    assert_int_equal(dr_image_alloc(&map, W, H, 1), DR_OK);
    for (int i = 0; i < W * H; i++) {
        bool garment = i % W >= 8 && i % W < 24;
        uint8_t v = i % W < 16 ? 30 : 50;
        memcpy(photo.data + 3 * i, garment ? (uint8_t[]){v, v, v} : (uint8_t[]){40, 160, 40}, 3);
        map.data[i] = garment ? 2 : 0;
    }
    dr_look look = dr_look_of(&photo, &map, 2);
    assert_int_equal(look.pixels, 16 * H);
    dr_recolour(&photo, &map, 2, &look, dr_lab_of(red));
    look = dr_look_of(&photo, &map, 2);
    assert_string_equal(mini_colour_name(look.mean), "red");
    assert_true(dr_lab_of(photo.data + 3 * 12).L < dr_lab_of(photo.data + 3 * 20).L - 3); /* the fold */
    assert_memory_equal(photo.data, ((uint8_t[]){40, 160, 40}), 3);                       /* the ground */
    dr_image_clear(&photo);
    dr_image_clear(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lab_has_the_known_values),
        cmocka_unit_test(every_shade_drawn_has_its_name),
        cmocka_unit_test(a_garment_takes_the_colour_and_keeps_its_folds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
