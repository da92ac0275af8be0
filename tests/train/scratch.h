/* A folder for one test's files, and pictures to put there. */
#ifndef DR_TEST_SCRATCH_H
#define DR_TEST_SCRATCH_H

#include "base/file.h"
#include "base/path.h"
#include "io/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char scratch_dir[256];

__attribute__((unused)) static int scratch_make(void **state)
{
    (void)state;
    strcpy(scratch_dir, "/tmp/drape-test-XXXXXX");
    return mkdtemp(scratch_dir) ? 0 : -1;
}

__attribute__((unused)) static int scratch_remove(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", scratch_dir);
    return system(command);
}

/* A path in the folder; good until the eighth call after this one. */
__attribute__((unused)) static const char *scratch(const char *name)
{
    static char path[8][512];
    static int next;
    char *p = path[next++ % 8];
    dr_path(p, sizeof path[0], scratch_dir, name);
    return p;
}

__attribute__((unused)) static void put_text(const char *name, const char *text)
{
    assert_int_equal(dr_file_write(scratch(name), text, strlen(text)), DR_OK);
}

/* A white rectangle on black, as a mask. */
__attribute__((unused)) static void put_mask(const char *name, int width, int height, int x, int y, int w, int h)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, width, height, 1), DR_OK);
    for (int j = 0; j < height; j++)
        for (int i = 0; i < width; i++)
            im.data[j * width + i] = i >= x && i < x + w && j >= y && j < y + h ? 255 : 0;
    assert_int_equal(dr_image_write(&im, scratch(name), NULL), DR_OK);
    dr_image_clear(&im);
}

/* Red grows to the right, green downwards. */
__attribute__((unused)) static dr_image ramp(int width, int height)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, width, height, 3), DR_OK);
    for (int j = 0; j < height; j++)
        for (int i = 0; i < width; i++) {
            uint8_t *p = im.data + 3 * (j * width + i);
            p[0] = (uint8_t)(i * 255 / width);
            p[1] = (uint8_t)(j * 255 / height);
            p[2] = (uint8_t)((i * 7 + j * 13) % 256);
        }
    return im;
}

__attribute__((unused)) static void put_photo(const char *name, int width, int height)
{
    dr_image im = ramp(width, height);
    assert_int_equal(dr_image_write(&im, scratch(name), NULL), DR_OK);
    dr_image_clear(&im);
}

#endif
