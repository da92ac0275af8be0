/* Labels and masks as pictures for people. */
#include "io/labels.h"
#include "mask/garment.h"

#include <string.h>

/* Clothes in strong colours, body in skin tones, left and right apart. */
static const uint8_t palette[DR_LABELS][3] = {
    {0, 0, 0},       {128, 64, 0},    {90, 60, 40},   {60, 60, 160},   {230, 60, 60},  {240, 150, 40},
    {60, 110, 230},  {200, 60, 200},  {240, 230, 60}, {0, 130, 130},   {0, 190, 160},  {250, 200, 160},
    {180, 130, 100}, {210, 160, 130}, {230, 170, 90}, {250, 190, 110}, {120, 200, 60}, {150, 220, 220}};

dr_status dr_labels_colour(dr_image *out, const dr_image *labels)
{
    dr_image im = {0};
    dr_status st = dr_image_alloc(&im, labels->width, labels->height, 3);
    if (st)
        return st;
    for (int64_t i = 0; i < (int64_t)im.width * im.height; i++)
        memcpy(im.data + 3 * i, palette[labels->data[i] < DR_LABELS ? labels->data[i] : 0], 3);
    *out = im;
    return DR_OK;
}

/* The masked part in red, half transparent, with a white line around it. */
dr_status dr_mask_overlay(dr_image *out, const dr_image *photo, const dr_image *mask)
{
    dr_image im = {0};
    dr_status st = dr_image_copy(&im, photo);
    if (st)
        return st;
    for (int y = 0; y < im.height; y++)
        for (int x = 0; x < im.width; x++) {
            size_t i = (size_t)y * (size_t)im.width + (size_t)x;
            if (mask->data[i] < 128)
                continue;
            bool edge = x == 0 || y == 0 || x + 1 == im.width || y + 1 == im.height || mask->data[i - 1] < 128 ||
                        mask->data[i + 1] < 128 || mask->data[i - (size_t)im.width] < 128 ||
                        mask->data[i + (size_t)im.width] < 128;
            uint8_t *p = im.data + 3 * i;
            p[0] = edge ? 255 : (uint8_t)((p[0] + 255) / 2);
            p[1] = edge ? 255 : (uint8_t)(p[1] / 2);
            p[2] = edge ? 255 : (uint8_t)(p[2] / 2);
        }
    *out = im;
    return DR_OK;
}
