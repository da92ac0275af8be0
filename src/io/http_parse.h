/* Pieces of HTTP that a server writes and we read: addresses and headers. All of it is hostile. */
#ifndef DR_IO_HTTP_PARSE_H
#define DR_IO_HTTP_PARSE_H

#include "io/http.h"

/* Where a URL leads: two URLs of one origin share all three. */
typedef struct dr_origin {
    char *scheme, *host, *port; /* port as a number, the scheme's default if the URL names none */
} dr_origin;

/** DR_EINVAL for anything but http and https, and for a name or password in the URL. Strings are libcurl's: keep them
 *  until dr_origin_clear(). */
dr_status dr_origin_parse(const char *url, dr_origin *o);
void dr_origin_clear(dr_origin *o);

/** "localhost", 127.0.0.0/8 or [::1], by the name alone: nothing is looked up. */
bool dr_is_loopback(const char *host);

/** "bytes 100-199/1000" into reply->range_*; false for anything else, also for an unknown total ('*'). */
bool dr_parse_content_range(const char *s, dr_http_reply *reply);

/** The URL of `<url>; rel="next"` among a Link header's comma-separated links (RFC 8288); `out` stays as it is if
 *  there is none or it does not fit. */
void dr_parse_link_next(const char *s, char *out, size_t size);

/** What follows "name:" in a header line, blanks skipped; NULL if the line is another header. */
const char *dr_header_value(const char *line, const char *name);

#endif
