/* Label maps of any bytes: masks never crash, hold 0 and 255 alone, and leave hair, shoes and bags uncovered.
 * Input: width, what and category, sleeve and person, then labels. */
#include "io/labels.h"
#include "mask/garment.h"

#include <stdlib.h>
#include <string.h>

static bool kept(int label)
{
    return label == DR_LABEL_HAIR || label == DR_LABEL_BAG || label == DR_LABEL_LEFT_SHOE ||
           label == DR_LABEL_RIGHT_SHOE;
}

/* Small specks are noise to the rules, so only what lies deep in its own kind is sure to be kept. */
static bool deep(const dr_image *labels, int x, int y)
{
    enum { R = 4 };
    uint8_t own = labels->data[(size_t)y * (size_t)labels->width + (size_t)x];
    if (x < R || y < R || x + R >= labels->width || y + R >= labels->height)
        return false;
    for (int j = y - R; j <= y + R; j++)
        for (int i = x - R; i <= x + R; i++)
            if (labels->data[(size_t)j * (size_t)labels->width + (size_t)i] != own)
                return false;
    return true;
}

static void check(const dr_image *labels, const dr_image *mask, bool agnostic)
{
    if (mask->width != labels->width || mask->height != labels->height)
        abort();
    for (int y = 0; y < mask->height; y++)
        for (int x = 0; x < mask->width; x++) {
            size_t i = (size_t)y * (size_t)mask->width + (size_t)x;
            if (mask->data[i] != 0 && mask->data[i] != 255)
                abort();
            if (agnostic && mask->data[i] && kept(labels->data[i]) && deep(labels, x, y))
                abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 5 || size > 1 << 16)
        return 0;
    int width = data[0] % 200 + 1, height = (int)((size - 4) / (size_t)width);
    dr_garment_options o = {(dr_mask_what)(data[1] % 2), (dr_mask_category)(data[1] / 2 % 4),
                            (dr_mask_sleeve)(data[2] % 3), data[2] / 3 % 4, (data[3] - 128) / 1280.0};
    if (height < 1)
        return 0;
    dr_image labels = {0}, mask = {0};
    if (dr_image_alloc(&labels, width, height, 1))
        return 0;
    memcpy(labels.data, data + 4, (size_t)width * (size_t)height);
    if (dr_garment_mask(&mask, &labels, &o, "fuzz") == DR_OK)
        check(&labels, &mask, o.what == DR_MASK_AGNOSTIC);
    dr_image_clear(&labels);
    dr_image_clear(&mask);
    return 0;
}
