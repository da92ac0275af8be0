#include "serve/store/ids.h"

#include <stdlib.h>
#include <string.h>

bool dr_is_image_id(const char *s)
{
    return s && strspn(s, "0123456789abcdef") == 64 && s[64] == 0;
}

bool dr_is_job_id(const char *s)
{
    size_t n = s ? strspn(s, "0123456789") : 0;
    return n > 0 && n <= 18 && s[n] == 0;
}

int64_t dr_job_number(const char *s)
{
    return dr_is_job_id(s) ? strtoll(s, NULL, 10) : 0;
}
