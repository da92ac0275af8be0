/* Downloads over HTTP and HTTPS: one GET at a time, over libcurl.
 *
 * Redirects are followed here and not by libcurl, so that two rules hold whatever the libcurl version: the
 * token goes to the endpoint's own scheme, host and port alone, and https never turns into http. TLS
 * certificates are always verified. Proxies are taken from the usual variables (https_proxy, no_proxy). */
#ifndef DR_IO_HTTP_H
#define DR_IO_HTTP_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DR_HTTP_UNKNOWN UINT64_MAX

typedef struct dr_http dr_http;

typedef struct dr_http_options {
    const char *endpoint;                   /* "https://host[:port][/prefix]" */
    const char *token;                      /* sent as "Authorization: Bearer" to the endpoint alone; may be NULL */
    bool allow_plain;                       /* accept http:// to hosts other than this machine */
    int tries;                              /* of a request that fails for a passing reason */
    int backoff_ms;                         /* before the second try; doubles with each, 60 s at most */
    int stall_s;                            /* seconds without a byte after which a connection counts as cut */
    bool (*cancelled)(void *);              /* asked several times a second; may be NULL */
    void (*note)(void *, const char *text); /* "trying again in 2 s: ..."; may be NULL */
    void *user;
} dr_http_options;

/* What came back for one GET. */
typedef struct dr_http_reply {
    int status;                                 /* HTTP status; 0 if no answer came */
    uint64_t length;                            /* bytes in the body, DR_HTTP_UNKNOWN if not said */
    bool ranged;                                /* a well-formed Content-Range was there: */
    uint64_t range_from, range_to, range_total; /* "bytes from-to/total", both ends included */
    char next[2048];                            /* URL of `Link: <...>; rel="next"`, or "" */
    char reason[64];                            /* X-Error-Code of the Hugging Face hub, or "" */
    int64_t retry_after;                        /* seconds the server asks to wait, 0 if it does not */
    bool again;                                 /* failed in a way that may pass: cut, stalled, 429, 5xx */
} dr_http_reply;

/* Takes the body of a 200 or 206. `begin` comes once before the first byte, also for an empty body. A status
 * other than DR_OK ends the request with that status; `begin` may set reply->again with it. */
typedef struct dr_http_sink {
    dr_status (*begin)(void *user, dr_http_reply *reply);
    dr_status (*data)(void *user, const void *bytes, size_t n);
    void *user;
} dr_http_sink;

/** Checks endpoint and token. Strings are copied. DR_EINVAL for an endpoint that is no URL, holds a password, or
 *  is unencrypted where that is not allowed, and for a token that cannot stand in a header. */
dr_status dr_http_open(dr_http **out, const dr_http_options *o);
void dr_http_close(dr_http *h);

/** One GET without retries, from byte `from` on (0: no Range header). Fails with DR_ENET for anything the network
 *  or the server did (see reply), DR_ECANCELLED, DR_ENOMEM, or what the sink returned. */
dr_status dr_http_get(dr_http *h, const char *url, uint64_t from, const dr_http_sink *sink, dr_http_reply *reply);

/** After failed try number `tried` (from 1): waits as long as the server or the backoff asks and returns DR_OK if
 *  another try is due; otherwise `st` (or DR_ECANCELLED). */
dr_status dr_http_wait(dr_http *h, int tried, dr_status st, const dr_http_reply *reply);

/** A whole body of at most `max` bytes with retries. `*out` is malloc'ed, yours, with a 0 byte behind it. */
dr_status dr_http_text(dr_http *h, const char *url, size_t max, char **out, size_t *size, dr_http_reply *reply);

/** Copies `s` with everything but printable ASCII as '?', cut to fit: for quoting a server in a message. */
const char *dr_printable(char *out, size_t size, const char *s);

#endif
