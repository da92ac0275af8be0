/* What can be told about the photo of a garment. The words are in the order of the public enums. */
#include "options/options.h"

#define F(field) #field, offsetof(drape_garment_options, field)

_Static_assert(DRAPE_GARMENT_AUTO == 0 && DRAPE_GARMENT_OVERALL == 3 && DRAPE_CUT_AUTO == 0 && DRAPE_CUT_OUT == 2 &&
                   sizeof(drape_garment_category) == sizeof(int) && sizeof(drape_cut) == sizeof(int),
               "words are counted like the enums");

const drape_option dr_garment_table[] = {
    {F(category), DRAPE_OPTION_ENUM, 0, 0, NULL,
     "what the garment covers, for an automatic mask; auto: what its photo shows",
     .choices = "auto|upper|lower|overall"},
    {F(cut), DRAPE_OPTION_ENUM, 0, 0, NULL,
     "cut the garment out of its photo: auto does where somebody wears it, keep never, out always",
     .choices = "auto|keep|out"},
    {NULL},
};
