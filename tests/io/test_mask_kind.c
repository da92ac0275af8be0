/* Which pictures are masks, and what of them is white. The right mask is the same everywhere: a box. */
#include "io/mask_kind.h"

#include "io/mask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { W = 60, H = 40 };

static bool inside(int x, int y)
{
    return x >= 15 && x < 45 && y >= 10 && y < 30;
}

/* A picture of 4 channels whose pixels a function gives. */
typedef void (*paint)(uint8_t p[4], int x, int y);

static dr_image draw(paint f)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, W, H, 4), DR_OK);
    for (int i = 0; i < W * H; i++) {
        uint8_t *p = im.data + 4 * i;
        p[0] = p[1] = p[2] = 0;
        p[3] = 255;
        f(p, i % W, i / W);
    }
    return im;
}

static int wrong(const dr_image *mask)
{
    int n = 0;
    for (int i = 0; i < W * H; i++)
        n += (mask->data[i] >= 128) != inside(i % W, i / W);
    return n;
}

static void assert_mask(paint f)
{
    dr_image in = draw(f), out;
    if (dr_mask_to_grey(&out, &in, "m.png"))
        fail_msg("%s", dr_error());
    assert_int_equal(out.channels, 1);
    assert_int_equal(wrong(&out), 0);
    dr_image_clear(&out);
    dr_image_clear(&in);
}

static void assert_refused(paint f, const char *says)
{
    dr_image in = draw(f), out;
    if (!dr_mask_to_grey(&out, &in, "m.png"))
        fail_msg("a picture passes that should be refused: '%s'", says);
    assert_null(out.data);
    if (!strstr(dr_error(), says) || !strstr(dr_error(), "'m.png'"))
        fail_msg("'%s' does not say '%s'", dr_error(), says);
    dr_image_clear(&in);
}

static void set(uint8_t p[4], int r, int g, int b)
{
    p[0] = (uint8_t)r;
    p[1] = (uint8_t)g;
    p[2] = (uint8_t)b;
}

/* A photo: slopes of colour with some noise. */
static void photo(uint8_t p[4], int x, int y)
{
    int noise = (x * 37 + y * 101 + x * y * 7) % 23;
    set(p, 40 + 3 * x + noise, 60 + 4 * y + noise, 200 - 2 * x - y + noise);
}

/* --- erased photos ------------------------------------------------------------------------------------ */

static void erased(uint8_t p[4], int x, int y)
{
    photo(p, x, y);
    p[3] = inside(x, y) ? 0 : 255;
}

static void erased_to_black(uint8_t p[4], int x, int y)
{
    erased(p, x, y);
    if (inside(x, y))
        set(p, 0, 0, 0);
}

static void erased_by_half(uint8_t p[4], int x, int y)
{
    photo(p, x, y);
    p[3] = inside(x, y) ? 90 : 255;
}

static void erased_grey(uint8_t p[4], int x, int y)
{
    erased(p, x, y);
    set(p, p[0], p[0], p[0]);
}

static void of_an_erased_photo_the_transparent_is_replaced(void **state)
{
    (void)state;
    assert_mask(erased);
    assert_mask(erased_to_black);
    assert_mask(erased_by_half);
    assert_mask(erased_grey);
}

/* --- photos --------------------------------------------------------------------------------------------- */

static void grey_photo(uint8_t p[4], int x, int y)
{
    photo(p, x, y);
    set(p, p[0], p[0], p[0]);
}

static void agnostic(uint8_t p[4], int x, int y)
{
    photo(p, x, y);
    if (inside(x, y))
        set(p, 128, 128, 128);
}

static void photo_on_white(uint8_t p[4], int x, int y)
{
    photo(p, x, y);
    if (!inside(x, y))
        set(p, 255, 255, 255);
}

static void grey_photo_on_black(uint8_t p[4], int x, int y)
{
    int v = (x * 37 + y * 101 + x * y * 7) % 200 + 20;
    set(p, v, v, v);
    if (!inside(x, y))
        set(p, 0, 0, 0);
}

static void hardly_transparent(uint8_t p[4], int x, int y)
{
    photo(p, x, y);
    p[3] = inside(x, y) ? 254 : 255;
}

static void a_photo_is_no_mask(void **state)
{
    (void)state;
    assert_refused(photo, "% of it is neither black nor white; paint white what is to be replaced");
    assert_refused(grey_photo, "is a photo, not a mask: ");
    assert_refused(agnostic, "is a photo");
    assert_refused(photo_on_white, "is a photo, not a mask: 25 % of it");
    assert_refused(grey_photo_on_black, "is a photo, not a mask: 2");
    assert_refused(hardly_transparent, "is a photo");
}

/* --- colours -------------------------------------------------------------------------------------------- */

static int red, green, blue;

static void marks_on_black(uint8_t p[4], int x, int y)
{
    if (inside(x, y))
        set(p, red, green, blue);
}

static void white_on_colour(uint8_t p[4], int x, int y)
{
    set(p, red, green, blue);
    if (inside(x, y))
        set(p, 255, 255, 255);
}

static void marks_on_nothing(uint8_t p[4], int x, int y)
{
    set(p, red, green, blue);
    p[3] = inside(x, y) ? 255 : 0;
}

static void marks_over_hidden_black(uint8_t p[4], int x, int y)
{
    marks_on_black(p, x, y);
    p[3] = inside(x, y) ? 100 : 0;
}

static void two_colours_are_a_mask_if_one_is_black_white_or_nothing(void **state)
{
    static const int colours[][3] = {{255, 0, 0}, {0, 0, 255},   {128, 0, 0},   {255, 0, 255},
                                     {0, 128, 0}, {255, 255, 0}, {64, 64, 120}, {100, 100, 100}};
    (void)state;
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++) {
        red = colours[i][0];
        green = colours[i][1];
        blue = colours[i][2];
        assert_mask(marks_on_black);
        assert_mask(white_on_colour);
        assert_mask(marks_on_nothing);
        assert_mask(marks_over_hidden_black);
    }
    red = green = blue = 1; /* a label map */
    assert_mask(marks_on_black);
}

/* A rim of four pixels around the box, and noise as of a lossy file. */
static void soft_red(uint8_t p[4], int x, int y)
{
    int dx = x < 15 ? 15 - x : x > 44 ? x - 44 : 0, dy = y < 10 ? 10 - y : y > 29 ? y - 29 : 0;
    int v = 255 - 64 * (dx > dy ? dx : dy);
    v = v < 128 && v > 0 && inside(x, y) == 0 ? v / 2 : v;
    set(p, v > 0 ? v - (x + y) % 3 : 0, (x + y) % 5, (x * y) % 6);
    if (!inside(x, y) && p[0] > 120)
        p[0] = 100;
}

static void soft_edges_and_noise_are_no_third_colour(void **state)
{
    (void)state;
    assert_mask(soft_red);
}

static void red_on_blue(uint8_t p[4], int x, int y)
{
    set(p, inside(x, y) ? 255 : 0, 0, inside(x, y) ? 0 : 255);
}

static void two_labels(uint8_t p[4], int x, int y)
{
    if (inside(x, y))
        set(p, x < 30 ? 200 : 0, x < 30 ? 0 : 160, 0);
}

static void two_strokes_on_nothing(uint8_t p[4], int x, int y)
{
    two_labels(p, x, y);
    p[3] = inside(x, y) ? 255 : 0;
}

static void all_red(uint8_t p[4], int x, int y)
{
    (void)x;
    (void)y;
    set(p, 255, 0, 0);
}

static void what_cannot_be_told_is_named_by_its_colours(void **state)
{
    (void)state;
    assert_refused(red_on_blue, "is blue and red");
    assert_refused(two_labels, "several colours (red 12 %, green 12 %)");
    assert_refused(two_strokes_on_nothing, "several colours (red");
    assert_refused(all_red, "one colour throughout, red");
}

/* --- as before ------------------------------------------------------------------------------------------- */

static void black_and_white(uint8_t p[4], int x, int y)
{
    int v = inside(x, y) ? 255 : 0;
    set(p, v, v, v);
}

static void black_and_white_on_nothing(uint8_t p[4], int x, int y)
{
    black_and_white(p, x, y);
    p[3] = y < 5 ? 0 : 255;
}

/* Through grey from white to black over 24 pixels: a mask with a soft edge, whose grey is white from 128 on. */
static void soft(uint8_t p[4], int x, int y)
{
    int dx = x < 15 ? 15 - x : x > 44 ? x - 44 : 0, dy = y < 10 ? 10 - y : y > 29 ? y - 29 : 0;
    int v = 130 - 10 * (dx > dy ? dx : dy) - (dx || dy ? 5 : 0), mx = x < 30 ? x - 14 : 45 - x,
        my = y < 20 ? y - 9 : 30 - y;
    v = inside(x, y) ? 130 + 14 * (mx < my ? mx : my) : v;
    v = v < 0 ? 0 : v > 255 ? 255 : v;
    set(p, v, v, v);
}

static void black_white_and_greys_between_stay_as_they_are(void **state)
{
    (void)state;
    assert_mask(black_and_white);
    assert_mask(black_and_white_on_nothing);
    assert_mask(soft);
    dr_image in = draw(soft), out;
    assert_int_equal(dr_mask_to_grey(&out, &in, "m.png"), DR_OK);
    for (int i = 0; i < W * H; i++)
        assert_int_equal(out.data[i], in.data[4 * i]);
    dr_image_clear(&out);
    dr_image_clear(&in);
}

static void a_picture_of_one_channel_is_read_alike(void **state)
{
    dr_image in, out;
    (void)state;
    assert_int_equal(dr_image_alloc(&in, W, H, 1), DR_OK);
    for (int i = 0; i < W * H; i++)
        in.data[i] = inside(i % W, i / W) ? 3 : 0;
    assert_int_equal(dr_mask_to_grey(&out, &in, "m.png"), DR_OK);
    assert_int_equal(wrong(&out), 0);
    dr_image_clear(&out);
    for (int i = 0; i < W * H; i++)
        in.data[i] = (uint8_t)(60 + (i * 37) % 140);
    assert_int_equal(dr_mask_to_grey(&out, &in, "m.png"), DR_EINVAL);
    dr_image_clear(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_an_erased_photo_the_transparent_is_replaced),
        cmocka_unit_test(a_photo_is_no_mask),
        cmocka_unit_test(two_colours_are_a_mask_if_one_is_black_white_or_nothing),
        cmocka_unit_test(soft_edges_and_noise_are_no_third_colour),
        cmocka_unit_test(what_cannot_be_told_is_named_by_its_colours),
        cmocka_unit_test(black_white_and_greys_between_stay_as_they_are),
        cmocka_unit_test(a_picture_of_one_channel_is_read_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
