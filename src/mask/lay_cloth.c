#include "mask/lay_cloth.h"

#include "base/status.h"
#include "mask/mask_shape.h"

#include <math.h>
#include <string.h>

static int smaller(double a, double b)
{
    return (int)(a < b ? a : b);
}

dr_rect dr_cloth_of(int width, int height)
{
    int w = smaller(DR_CLOTH_WIDTH * width, 0.4 * height), h = smaller(DR_CLOTH_HEIGHT * height, 1.2 * width);
    w = w > 0 ? w : 1;
    h = h > 0 ? h : 1;
    int y = (int)(0.52 * height - 0.5 * h);
    return (dr_rect){(width - w) / 2, y > 0 ? y : 0, w, h};
}

/* Into [0,n): what lies outside is the outer third, mirrored as often as it takes, so that a row of buttons or a print
 * in the middle comes once. */
static int inside(int x, int n)
{
    int width = n < 3 ? n : n / 3, past = x < 0 ? -1 - x : x - n;
    if (x >= 0 && x < n)
        return x;
    past %= 2 * width;
    past = past < width ? past : 2 * width - 1 - past;
    return x < 0 ? past : n - 1 - past;
}

dr_status dr_lay_cloth(dr_image *picture, const dr_image *mask, const dr_image *garment)
{
    dr_rect box, middle = dr_cloth_of(garment->width, garment->height);
    dr_image cut = {0}, cloth = {0};
    DR_ASSERT(picture->width == mask->width && picture->height == mask->height && picture->channels == 3 &&
                  garment->channels == 3,
              "cloth for %dx%dx%d with a mask of %dx%d", picture->width, picture->height, picture->channels,
              mask->width, mask->height);
    if (!dr_mask_bbox(mask, &box))
        return DR_OK;
    int width = (int)((int64_t)middle.width * box.height / middle.height);
    dr_status st = dr_image_crop(&cut, garment, middle.x, middle.y, middle.width, middle.height);
    if (!st)
        st = dr_image_resize(&cloth, &cut, width > 0 ? width : 1, box.height, DR_LANCZOS);
    int left = box.x + (box.width - cloth.width) / 2; /* the middle of one over the middle of the other */
    for (int y = box.y; !st && y < box.y + box.height; y++)
        for (int x = box.x; x < box.x + box.width; x++) {
            size_t at = (size_t)y * (size_t)mask->width + (size_t)x;
            size_t from = (size_t)(y - box.y) * (size_t)cloth.width + (size_t)inside(x - left, cloth.width);
            if (mask->data[at] >= 128)
                memcpy(picture->data + 3 * at, cloth.data + 3 * from, 3);
        }
    dr_image_clear(&cut);
    dr_image_clear(&cloth);
    return st;
}

dr_status dr_cloth_photo(dr_image *photo, const dr_image *cloth)
{
    int height = (int)ceil(cloth->height / DR_CLOTH_HEIGHT);
    int width = (int)ceil(
        fmax(cloth->width / DR_CLOTH_WIDTH, DR_CLOTH_HEIGHT * height / 1.2)); /* all of its height is middle */
    dr_status st = dr_image_alloc(photo, width, height, 3);
    dr_rect middle = dr_cloth_of(width, height);
    int left = middle.x + (middle.width - cloth->width) / 2;
    for (int y = 0; !st && y < height; y++)
        for (int x = 0; x < width; x++) {
            size_t row = (size_t)inside(y - middle.y, cloth->height), column = (size_t)inside(x - left, cloth->width);
            memcpy(photo->data + 3 * ((size_t)y * (size_t)width + (size_t)x),
                   cloth->data + 3 * (row * (size_t)cloth->width + column), 3);
        }
    return st;
}
