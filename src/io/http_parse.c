#include "io/http_parse.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *dr_printable(char *out, size_t size, const char *s)
{
    size_t n = 0;
    for (; s[n] && n + 1 < size; n++)
        out[n] = s[n] >= ' ' && s[n] < 127 ? s[n] : '?';
    out[n] = 0;
    return out;
}

void dr_origin_clear(dr_origin *o)
{
    curl_free(o->scheme);
    curl_free(o->host);
    curl_free(o->port);
    *o = (dr_origin){0};
}

dr_status dr_origin_parse(const char *url, dr_origin *o)
{
    char shown[256];
    *o = (dr_origin){0};
    CURLU *u = curl_url();
    if (!u)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = DR_OK;
    if (curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) || curl_url_get(u, CURLUPART_SCHEME, &o->scheme, 0) ||
        curl_url_get(u, CURLUPART_HOST, &o->host, 0) || curl_url_get(u, CURLUPART_PORT, &o->port, CURLU_DEFAULT_PORT) ||
        (strcmp(o->scheme, "https") != 0 && strcmp(o->scheme, "http") != 0))
        st = dr_fail(DR_EINVAL, "'%s' is not a usable address: it must be http:// or https://, without a password",
                     strchr(url, '@') ? "(hidden)" : dr_printable(shown, sizeof shown, url));
    curl_url_cleanup(u);
    if (st)
        dr_origin_clear(o);
    return st;
}

bool dr_is_loopback(const char *host)
{
    struct in_addr a;
    if (inet_pton(AF_INET, host, &a) == 1)
        return (ntohl(a.s_addr) >> 24) == 127;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

static bool parse_u64(const char **s, uint64_t *out)
{
    char *end;
    if (**s < '0' || **s > '9')
        return false;
    errno = 0;
    unsigned long long v = strtoull(*s, &end, 10);
    *s = end;
    *out = v;
    return errno == 0;
}

bool dr_parse_content_range(const char *s, dr_http_reply *r)
{
    if (strncasecmp(s, "bytes ", 6) != 0)
        return false;
    s += 6;
    return parse_u64(&s, &r->range_from) && *s++ == '-' && parse_u64(&s, &r->range_to) && *s++ == '/' &&
           parse_u64(&s, &r->range_total) && *s == 0;
}

void dr_parse_link_next(const char *s, char *out, size_t size)
{
    while ((s = strchr(s, '<'))) {
        const char *end = strchr(++s, '>');
        if (!end)
            return;
        const char *stop = strchr(end, '<');
        const char *rel = strstr(end, "rel=\"next\"");
        if (!rel)
            rel = strstr(end, "rel=next");
        if (rel && (!stop || rel < stop) && (size_t)(end - s) < size) {
            memcpy(out, s, (size_t)(end - s));
            out[end - s] = 0;
            return;
        }
        s = end;
    }
}

const char *dr_header_value(const char *line, const char *name)
{
    size_t n = strlen(name);
    if (strncasecmp(line, name, n) != 0 || line[n] != ':')
        return NULL;
    for (line += n + 1; *line == ' ' || *line == '\t';)
        line++;
    return line;
}
