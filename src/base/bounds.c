#include "base/bounds.h"

#include <stdio.h>

bool dr_within(double v, double least, double most, bool above)
{
    return v >= least && v <= most && !(above && v == least);
}

const char *dr_bounds_text(char *out, double least, double most, bool above)
{
    const char *form = above ? "above %.10g and at most %.10g" : "%.10g to %.10g";
    snprintf(out, DR_BOUNDS_TEXT, form, least, most);
    return out;
}
