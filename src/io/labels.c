#include "io/labels.h"

#include <stddef.h>

const char *dr_label_name(int label)
{
    static const char *const names[DR_LABELS] = {
        "Background", "Hat",        "Hair", "Sunglasses", "Upper-clothes", "Skirt",    "Pants",     "Dress", "Belt",
        "Left-shoe",  "Right-shoe", "Face", "Left-leg",   "Right-leg",     "Left-arm", "Right-arm", "Bag",   "Scarf"};
    return label >= 0 && label < DR_LABELS ? names[label] : "unknown";
}
