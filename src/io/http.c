#include "io/http.h"

#include "io/http_parse.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MAX_REDIRECTS 10
#define MAX_HEADERS ((size_t)256 << 10) /* bytes of all headers of an answer */
#define MAX_ERROR_BODY ((size_t)64 << 10)
#define MAX_WAIT_S 600 /* a server that asks for more is taken as a refusal */
#define MAX_BACKOFF_MS 60000

struct dr_http {
    dr_http_options o;
    CURL *curl;
    dr_origin home;  /* of the endpoint: where the token may go */
    char *auth;      /* the Authorization header, or NULL */
    char asked[256]; /* host of the request in flight, printable */
    /* the request in flight */
    const dr_http_sink *sink;
    dr_http_reply *reply;
    dr_status st; /* why a callback stopped it */
    bool begun;
    size_t header_bytes, error_bytes;
};

/* --- where a URL leads ----------------------------------------------------------------------------- */

static dr_status check_endpoint(dr_http *h)
{
    dr_status st = dr_origin_parse(h->o.endpoint, &h->home);
    if (st)
        return dr_fail_prefix(st, "cannot use the endpoint");
    if (strcmp(h->home.scheme, "https") == 0 || dr_is_loopback(h->home.host))
        return DR_OK;
    if (!h->o.allow_plain)
        return dr_fail(DR_EINVAL, "cannot use the endpoint '%s': http:// is not encrypted; use https://",
                       h->o.endpoint);
    if (h->o.token)
        return dr_fail(DR_EINVAL,
                       "cannot use the endpoint '%s' with a token: http:// would send it unencrypted; use https:// or "
                       "unset HF_TOKEN",
                       h->o.endpoint);
    return DR_OK;
}

/* Says whether `url` is the endpoint's own; refuses what an encrypted endpoint may not lead to. */
static dr_status check_url(dr_http *h, const char *url, bool *own)
{
    dr_origin o;
    dr_status st = dr_origin_parse(url, &o);
    if (st)
        return st;
    dr_printable(h->asked, sizeof h->asked, o.host);
    *own = strcmp(o.scheme, h->home.scheme) == 0 && strcasecmp(o.host, h->home.host) == 0 &&
           strcmp(o.port, h->home.port) == 0;
    if (strcmp(o.scheme, "http") == 0 && strcmp(h->home.scheme, "https") == 0)
        st = dr_fail(DR_ENET, "'%s' leads to the unencrypted 'http://%s'; refused", h->home.host, h->asked);
    dr_origin_clear(&o);
    return st;
}

/* --- callbacks of libcurl --------------------------------------------------------------------------- */

static size_t on_header(char *data, size_t one, size_t n, void *user)
{
    dr_http *h = user;
    dr_http_reply *r = h->reply;
    char line[4096];
    const char *v;
    size_t size = one * n;
    h->header_bytes += size;
    if (h->header_bytes > MAX_HEADERS) {
        h->st = dr_fail(DR_ENET, "'%s' sends endless headers", h->asked);
        return 0;
    }
    if (size >= sizeof line) /* longer than any we read */
        return size;
    memcpy(line, data, size);
    for (n = size; n && (line[n - 1] == '\r' || line[n - 1] == '\n' || line[n - 1] == ' ');)
        n--;
    line[n] = 0;
    if (strncmp(line, "HTTP/", 5) == 0) { /* a new header block: the one before was a proxy's or a 100 */
        r->ranged = false;
        r->next[0] = r->reason[0] = 0;
    } else if ((v = dr_header_value(line, "content-range"))) {
        r->ranged = dr_parse_content_range(v, r);
    } else if ((v = dr_header_value(line, "link"))) {
        dr_parse_link_next(v, r->next, sizeof r->next);
    } else if ((v = dr_header_value(line, "x-error-code"))) {
        dr_printable(r->reason, sizeof r->reason, v);
    }
    return size;
}

/* Status and length as soon as they are known; then the sink's begin, once. */
static bool begin_body(dr_http *h)
{
    long status = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(h->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    h->reply->status = (int)status;
    h->reply->length = length < 0 ? DR_HTTP_UNKNOWN : (uint64_t)length;
    if (h->begun || (status != 200 && status != 206))
        return true;
    h->begun = true;
    h->st = h->sink->begin ? h->sink->begin(h->sink->user, h->reply) : DR_OK;
    return h->st == DR_OK;
}

static size_t on_data(char *data, size_t one, size_t n, void *user)
{
    dr_http *h = user;
    size_t size = one * n;
    if (!begin_body(h))
        return 0;
    if (h->reply->status != 200 && h->reply->status != 206) { /* the page that goes with an error or a redirect */
        h->error_bytes += size;
        return h->error_bytes <= MAX_ERROR_BODY ? size : 0;
    }
    h->st = h->sink->data(h->sink->user, data, size);
    return h->st ? 0 : size;
}

static int on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    dr_http *h = user;
    (void)total, (void)now, (void)up_total, (void)up_now;
    if (!h->o.cancelled || !h->o.cancelled(h->o.user))
        return 0;
    h->st = dr_fail(DR_ECANCELLED, "cancelled");
    return 1;
}

/* --- opening -------------------------------------------------------------------------------------- */

static dr_status make_auth(dr_http *h)
{
    const char *t = h->o.token;
    for (const char *p = t; *p; p++)
        if (*p <= ' ' || *p >= 127)
            return dr_fail(DR_EINVAL, "cannot use the token: it holds a space, a control or a non-ASCII character");
    size_t n = strlen(t) + 32;
    h->auth = malloc(n);
    if (!h->auth)
        return dr_fail(DR_ENOMEM, "out of memory");
    snprintf(h->auth, n, "Authorization: Bearer %s", t);
    return DR_OK;
}

static void set_options(dr_http *h)
{
    CURL *c = h->curl;
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 20L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)h->o.stall_s);
    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 256L << 10);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "drape");
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, h);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, h);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
}

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

dr_status dr_http_open(dr_http **out, const dr_http_options *o)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    *out = NULL;
    pthread_once(&once, init_curl);
    dr_http *h = calloc(1, sizeof *h);
    if (!h)
        return dr_fail(DR_ENOMEM, "out of memory");
    h->o = *o;
    dr_status st = check_endpoint(h);
    if (!st && o->token)
        st = make_auth(h);
    h->o.endpoint = h->o.token = NULL; /* the caller's; copied where needed */
    if (!st && !(h->curl = curl_easy_init()))
        st = dr_fail(DR_ENOMEM, "out of memory");
    if (st) {
        dr_http_close(h);
        return st;
    }
    set_options(h);
    *out = h;
    return DR_OK;
}

void dr_http_close(dr_http *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->curl);
    dr_origin_clear(&h->home);
    free(h->auth);
    free(h);
}

/* --- a request -------------------------------------------------------------------------------------- */

static bool may_pass(CURLcode c)
{
    switch (c) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

static dr_status curl_failed(dr_http *h, CURLcode c)
{
    if (h->st)
        return h->st;
    if (c == CURLE_OUT_OF_MEMORY)
        return dr_fail(DR_ENOMEM, "out of memory");
    h->reply->again = may_pass(c);
    if (c == CURLE_PEER_FAILED_VERIFICATION)
        return dr_fail(DR_ENET,
                       "the certificate of '%s' cannot be verified; check the clock, the proxy and the "
                       "system's CA certificates",
                       h->asked);
    return dr_fail(DR_ENET, "connection to '%s' failed: %s", h->asked, curl_easy_strerror(c));
}

/* One request to one place. */
static dr_status perform(dr_http *h, const char *url, uint64_t from, bool own)
{
    char range[64];
    struct curl_slist *headers = curl_slist_append(NULL, "Accept-Encoding: identity");
    if (headers && own && h->auth) {
        struct curl_slist *more = curl_slist_append(headers, h->auth);
        if (!more)
            curl_slist_free_all(headers);
        headers = more;
    }
    if (!headers)
        return dr_fail(DR_ENOMEM, "out of memory");
    snprintf(range, sizeof range, "%llu-", (unsigned long long)from);
    curl_easy_setopt(h->curl, CURLOPT_URL, url);
    curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h->curl, CURLOPT_RANGE, from ? range : NULL);
    h->st = DR_OK;
    h->begun = false;
    h->header_bytes = h->error_bytes = 0;
    CURLcode c = curl_easy_perform(h->curl);
    curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);

    curl_off_t wait = 0;
    curl_easy_getinfo(h->curl, CURLINFO_RETRY_AFTER, &wait);
    h->reply->retry_after = wait > 0 ? (int64_t)wait : 0;
    if (c == CURLE_WRITE_ERROR && !h->st && h->error_bytes > MAX_ERROR_BODY)
        return DR_OK; /* an overlong error page; its status says enough */
    if (c)
        return curl_failed(h, c);
    return begin_body(h) ? DR_OK : h->st; /* a body of no bytes has not begun yet */
}

dr_status dr_http_get(dr_http *h, const char *url, uint64_t from, const dr_http_sink *sink, dr_http_reply *reply)
{
    char *at = NULL;
    dr_status st;
    h->sink = sink;
    h->reply = reply;
    for (int hop = 0;; hop++) {
        bool own;
        *reply = (dr_http_reply){.length = DR_HTTP_UNKNOWN};
        st = check_url(h, at ? at : url, &own);
        if (!st)
            st = perform(h, at ? at : url, from, own);
        if (st || reply->status / 100 != 3)
            break;
        char *to = NULL;
        curl_easy_getinfo(h->curl, CURLINFO_REDIRECT_URL, &to);
        if (!to || hop == MAX_REDIRECTS) {
            st = dr_fail(DR_ENET, "'%s' redirects %s", h->asked, to ? "in a circle" : "to nowhere");
            break;
        }
        char *copy = strdup(to); /* libcurl's is gone with the next request */
        free(at);
        at = copy;
        if (!at) {
            st = dr_fail(DR_ENOMEM, "out of memory");
            break;
        }
    }
    free(at);
    if (st || reply->status == 200 || reply->status == 206)
        return st;
    reply->again = reply->status == 408 || reply->status == 429 || reply->status / 100 == 5;
    return dr_fail(DR_ENET, "'%s' answered %d", h->asked, reply->status);
}

/* --- trying again -------------------------------------------------------------------------------------- */

dr_status dr_http_wait(dr_http *h, int tried, dr_status st, const dr_http_reply *reply)
{
    char text[512];
    if (!reply->again || st == DR_ECANCELLED)
        return st;
    if (tried >= h->o.tries)
        return dr_fail(st, "%s; gave up after %d tries", dr_error(), tried);
    if (reply->retry_after > MAX_WAIT_S)
        return dr_fail(st, "%s and asks to wait %lld s; try again later", dr_error(), (long long)reply->retry_after);
    int64_t ms = h->o.backoff_ms;
    for (int i = 1; i < tried && ms < MAX_BACKOFF_MS; i++)
        ms *= 2;
    if (ms > MAX_BACKOFF_MS)
        ms = MAX_BACKOFF_MS;
    if (ms < reply->retry_after * 1000)
        ms = reply->retry_after * 1000;
    snprintf(text, sizeof text, "%s; trying again in %.3g s", dr_error(), (double)ms / 1000);
    if (h->o.note)
        h->o.note(h->o.user, text);
    for (; ms > 0; ms -= 50) {
        if (h->o.cancelled && h->o.cancelled(h->o.user))
            return dr_fail(DR_ECANCELLED, "cancelled");
        struct timespec t = {0, (ms < 50 ? ms : 50) * 1000000};
        nanosleep(&t, NULL);
    }
    return DR_OK;
}

typedef struct text_body {
    char *data;
    size_t n, cap, max;
} text_body;

static dr_status text_begin(void *user, dr_http_reply *reply)
{
    (void)reply;
    ((text_body *)user)->n = 0; /* of a try before this one */
    return DR_OK;
}

static dr_status text_data(void *user, const void *bytes, size_t n)
{
    text_body *b = user;
    if (n > b->max - b->n)
        return dr_fail(DR_EINVAL, "the server sends more than %zu MiB of JSON", b->max >> 20);
    if (b->n + n >= b->cap) {
        size_t cap = 2 * (b->n + n) + 4096;
        char *more = realloc(b->data, cap);
        if (!more)
            return dr_fail(DR_ENOMEM, "out of memory");
        b->data = more;
        b->cap = cap;
    }
    memcpy(b->data + b->n, bytes, n);
    b->n += n;
    return DR_OK;
}

dr_status dr_http_text(dr_http *h, const char *url, size_t max, char **out, size_t *size, dr_http_reply *reply)
{
    text_body b = {.max = max};
    dr_http_sink sink = {text_begin, text_data, &b};
    dr_status st;
    for (int tried = 1;; tried++) {
        st = dr_http_get(h, url, 0, &sink, reply);
        if (!st)
            break;
        st = dr_http_wait(h, tried, st, reply);
        if (st)
            break;
    }
    *out = NULL;
    *size = b.n;
    if (!st && !b.data)
        st = (b.data = malloc(1)) ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (st) {
        free(b.data);
        return st;
    }
    b.data[b.n] = 0;
    *out = b.data;
    return DR_OK;
}
