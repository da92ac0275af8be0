#include "serve/store/ids.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/random.h>
#endif

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

dr_status dr_random_text(char *out, size_t length)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char bytes[256];
    DR_ASSERT(length <= sizeof bytes, "a secret of %zu letters", length);
    if (getentropy(bytes, length) != 0)
        return dr_fail(DR_EIO, "the system has no random numbers");
    for (size_t i = 0; i < length; i++)
        out[i] = letters[bytes[i] % 64];
    out[length] = 0;
    return DR_OK;
}
