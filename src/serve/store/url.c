#include "serve/store/url.h"

#include <string.h>

static const char *behind(const char *text, const char *start)
{
    size_t n = strlen(start);
    return strncmp(text, start, n) == 0 ? text + n : NULL;
}

dr_status dr_store_url_parse(const char *text, dr_store_url *out)
{
    const char *rest;
    *out = (dr_store_url){0};
    if (!text)
        return DR_OK;
    if (behind(text, "postgresql://") || behind(text, "postgres://")) {
        out->postgresql = true;
        return DR_OK;
    }
    if ((rest = behind(text, "sqlite://")) || (rest = behind(text, "sqlite:"))) {
        out->folder = rest[0] ? rest : NULL;
        return DR_OK;
    }
    int scheme = (int)strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    bool has = scheme > 0 && scheme < 24 && text[scheme] == ':';
    return dr_fail(DR_EINVAL, "a store is sqlite:FOLDER or postgresql://USER@HOST/DATABASE, not %s%.*s%s",
                   has ? "'" : "what was given", has ? scheme + 1 : 0, text, has ? "...'" : "");
}
