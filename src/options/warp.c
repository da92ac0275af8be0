/* What `drape warp` can be told about the picture. */
#include "options/options.h"

#define F(field) #field, offsetof(drape_warp_options, field)
#define SIDE 4096 /* pixels */

const drape_option dr_warp_table[] = {
    {F(width), DRAPE_OPTION_INT, 0, SIDE, "PX", "of the result, a multiple of 128", .unset = "768",
     .heading = "the picture:"},
    {F(height), DRAPE_OPTION_INT, 0, SIDE, "PX", "of the result, a multiple of 128", .unset = "1024"},
    {F(condition_width), DRAPE_OPTION_INT, 0, SIDE, "PX", "what the condition generator works at, a multiple of 32",
     .unset = "a quarter of the width"},
    {F(condition_height), DRAPE_OPTION_INT, 0, SIDE, "PX", "the same", .unset = "a quarter of the height"},
    {F(occlusion), DRAPE_OPTION_BOOL, 0, 1, NULL, "take the cloth away where arms and hair lie in front of it"},
    {F(composite), DRAPE_OPTION_BOOL, 0, 1, NULL,
     "paste into the photo where the garment may be, and leave all else as it is"},
    {F(seed), DRAPE_OPTION_U64, 0, 0, "N", "of the network's noise: same seed, same picture"},
    {F(no_noise), DRAPE_OPTION_BOOL, 0, 1, NULL, "without noise, which is not the published behaviour"},
    {F(composition), DRAPE_OPTION_CHOICE, 0, 0, NULL, "how the map's garment is cut to the warped cloth",
     .choices = "warp_grad|detach|no_composition", .unset = "warp_grad"},
    {F(labels), DRAPE_OPTION_CHOICE, 0, 0, NULL, "the set of labels that parse maps have", .choices = "cihp|lip|atr",
     .unset = "cihp"},
    {NULL},
};
