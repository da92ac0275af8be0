/* What became of a dressed person, for test_mini.sh.
 *
 *     judge GARMENT GARMENT_MASK PHOTO MASK RESULT REACH
 *
 * Prints how many pixels of RESULT farther than REACH pixels from MASK are not PHOTO's, of how many, and how far the
 * mean colour under MASK is from that of the photographed garment, in CIELAB. GARMENT_MASK may be '-': the garment lies
 * in the middle of its photo. */
#include "mask/lay_cloth.h"
#include "mask/mask_shape.h"
#include "mini/colour.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same_size(const dr_image *a, const dr_image *b)
{
    return a->width == b->width && a->height == b->height;
}

/* Masks are 0 or 255 afterwards, so that the colour is of the same pixels whatever a file's edges are like. */
static dr_status read_pair(dr_image *photo, dr_image *mask, const char *photo_path, const char *mask_path)
{
    dr_status st = dr_image_read(photo, photo_path, 3);
    if (!st)
        st = dr_image_read(mask, mask_path, 1);
    if (!st && !same_size(photo, mask))
        st = dr_fail(DR_EINVAL, "'%s' has another size than '%s'", mask_path, photo_path);
    for (int64_t i = 0; !st && i < (int64_t)mask->width * mask->height; i++)
        mask->data[i] = mask->data[i] > 127 ? 255 : 0;
    return st;
}

static dr_status count_outside(const dr_image *photo, const dr_image *mask, const dr_image *result, int reach)
{
    dr_image near = {0};
    long changed = 0, outside = 0;
    dr_status st = dr_image_copy(&near, mask);
    if (!st)
        st = dr_mask_grow(&near, reach);
    for (int64_t i = 0; !st && i < (int64_t)near.width * near.height; i++)
        if (!near.data[i]) {
            outside++;
            changed += memcmp(photo->data + 3 * i, result->data + 3 * i, 3) != 0;
        }
    dr_image_clear(&near);
    if (!st)
        printf("changed %ld of %ld\n", changed, outside);
    return st;
}

static dr_status read_flat(dr_image *photo, dr_image *mask, const char *path)
{
    dr_status st = dr_image_read(photo, path, 3);
    if (!st)
        st = dr_image_alloc(mask, photo->width, photo->height, 1);
    if (st)
        return st;
    dr_rect cloth = dr_cloth_of(photo->width, photo->height);
    memset(mask->data, 0, (size_t)mask->width * (size_t)mask->height);
    for (int y = cloth.y; y < cloth.y + cloth.height; y++)
        memset(mask->data + (size_t)y * (size_t)mask->width + cloth.x, 255, (size_t)cloth.width);
    return DR_OK;
}

int main(int argc, char **argv)
{
    dr_image garment = {0}, worn = {0}, photo = {0}, mask = {0}, result = {0};
    if (argc != 7) {
        fprintf(stderr, "usage: judge GARMENT GARMENT_MASK PHOTO MASK RESULT REACH\n");
        return 2;
    }
    bool flat = strcmp(argv[2], "-") == 0;
    dr_status st = flat ? read_flat(&garment, &worn, argv[1]) : read_pair(&garment, &worn, argv[1], argv[2]);
    if (!st)
        st = read_pair(&photo, &mask, argv[3], argv[4]);
    if (!st)
        st = dr_image_read(&result, argv[5], 3);
    if (!st && !same_size(&photo, &result))
        st = dr_fail(DR_EINVAL, "'%s' has another size than '%s'", argv[5], argv[3]);
    if (!st)
        st = count_outside(&photo, &mask, &result, atoi(argv[6]));
    if (!st)
        printf("distance %.1f\n",
               (double)dr_lab_distance(dr_look_of(&garment, &worn, 255).mean, dr_look_of(&result, &mask, 255).mean));
    dr_image_clear(&garment);
    dr_image_clear(&worn);
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    dr_image_clear(&result);
    if (st)
        fprintf(stderr, "judge: %s\n", dr_error());
    return st ? 1 : 0;
}
