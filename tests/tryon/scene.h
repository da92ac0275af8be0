/* A small pipeline with pictures to work on, which the tests of runs share. Behind cmocka's header. */
#ifndef DR_TESTS_TRYON_SCENE_H
#define DR_TESTS_TRYON_SCENE_H

#include "tryon/engine.h"

#include <stdio.h>
#include <string.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/"
#define SIDE 32 /* of all pictures */

typedef struct scene {
    dr_source *source;
    dr_engine e;
    dr_image photo, mask, garment;
} scene;

static inline dr_image make_picture(int channels, int salt)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, SIDE, SIDE, channels), DR_OK);
    for (int i = 0; i < SIDE * SIDE * channels; i++)
        im.data[i] = (uint8_t)((i * 37 + i / 50 * salt) % 256);
    return im;
}

/* `dir`: of tests/golden. `dresses`: from the garment's photo. */
static inline void open_scene(scene *s, const char *dir, bool dresses)
{
    const dr_engine_extras x = {.dresses = dresses};
    char path[256];
    *s = (scene){.photo = make_picture(3, 11), .mask = make_picture(1, 0), .garment = make_picture(3, 5)};
    for (int i = 0; i < SIDE * SIDE; i++)
        s->mask.data[i] = i / SIDE >= 8 && i / SIDE < 26 && i % SIDE >= 6 && i % SIDE < 28 ? 255 : 0;
    snprintf(path, sizeof path, GOLDEN "%s", dir);
    if (dr_source_open(&s->source, path, NULL) || dr_engine_open(&s->e, s->source, &x, DR_PRECISION_EXACT, true, NULL))
        fail_msg("%s", dr_error());
}

static inline void close_scene(scene *s)
{
    dr_image_clear(&s->photo);
    dr_image_clear(&s->mask);
    dr_image_clear(&s->garment);
    dr_engine_close(&s->e);
    dr_source_close(s->source);
}

/* Both pictures are let go. */
static inline void check_same(dr_image a, dr_image b, bool same, const char *what)
{
    if ((memcmp(a.data, b.data, (size_t)SIDE * SIDE * 3) == 0) != same)
        fail_msg("%s: pictures are %s", what, same ? "not the same" : "the same");
    dr_image_clear(&a);
    dr_image_clear(&b);
}

#endif
