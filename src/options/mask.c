/* What `drape mask` can be told about the mask. The words are in the order of the public enums. */
#include "options/options.h"

#define F(field) #field, offsetof(drape_mask_options, field)

_Static_assert(DRAPE_MASK_AGNOSTIC == 0 && DRAPE_MASK_GARMENT == 1 && DRAPE_UPPER == 0 && DRAPE_OUTER == 3 &&
                   DRAPE_SLEEVE_KEEP == 0 && DRAPE_SLEEVE_SHORT == 2 && sizeof(drape_category) == sizeof(int),
               "words are counted like the enums");

const drape_option dr_mask_table[] = {
    {F(what), DRAPE_OPTION_ENUM, 0, 0, NULL,
     "agnostic: where a new garment may go, for tryon; garment: the one that is worn, for train",
     .choices = "agnostic|garment"},
    {F(category), DRAPE_OPTION_ENUM, 0, 0, NULL, "the kind of garment", .choices = "upper|lower|dress|outer"},
    {F(sleeve), DRAPE_OPTION_ENUM, 0, 0, NULL,
     "agnostic: cover the arm as the old sleeve does, down to the wrist, or for a short sleeve",
     .choices = "keep|long|short"},
    {F(person), DRAPE_OPTION_INT, 0, 64, "N", "which person, from 1, the largest first; 0 is the largest"},
    {F(grow), DRAPE_OPTION_NUMBER, -1, 1, "X",
     "grow the mask by this part of the person's height, 0.01 is a little; negative shrinks"},
    {NULL},
};
