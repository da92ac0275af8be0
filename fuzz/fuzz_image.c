/* libFuzzer: any bytes as a picture. Pixels that come out must be there in the promised number; with alpha, the picture
 * is taken for a mask as well. */
#include "io/image.h"
#include "io/mask_kind.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int channels[] = {3, 1, 4};
    unsigned sum = 0;
    dr_image im;
    if (dr_image_read_memory(&im, data, size, "fuzz", channels[size % 3]) != DR_OK) {
        if (im.data || dr_error()[0] == 0)
            abort();
        return 0;
    }
    if (im.width < 1 || im.height < 1 || (int64_t)im.width * im.height > DR_IMAGE_MAX_PIXELS)
        abort();
    for (size_t i = 0; i < (size_t)im.width * (size_t)im.height * (size_t)im.channels; i += 61)
        sum += im.data[i];
    dr_image mask;
    if (im.channels != 3 && dr_mask_to_grey(&mask, &im, "fuzz") == DR_OK) {
        if (mask.width != im.width || mask.height != im.height || mask.channels != 1)
            abort();
        dr_image_clear(&mask);
    }
    dr_image_clear(&im);
    return sum == 0xffffffffu; /* keeps the reads from being optimised away; never so large */
}
