/* Answers on the wire, with the headers that every one of them has. */
#include "serve/http/exchange.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* No script but the page's own files, nothing from elsewhere, no frame around it. */
static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
                             "connect-src 'self'; media-src 'self' blob:; font-src 'self'; manifest-src 'self'; "
                             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static bool has(const dr_exchange *x, const char *header)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, header) != NULL;
}

bool dr_exchange_is_preflight(const dr_exchange *x)
{
    return strcmp(x->r.method, "OPTIONS") == 0 && has(x, "Origin") && has(x, "Access-Control-Request-Method");
}

/* For pages of other sites that --cors-allow-origins names. With "*" any page may ask, but none with a cookie. */
static void add_cors(struct MHD_Response *m, const dr_exchange *x)
{
    struct MHD_Connection *c = x->connection;
    const dr_guard *g = &x->server->guard;
    if (!g->origins)
        return;
    MHD_add_response_header(m, "Vary", "Origin");
    if (!x->r.origin)
        return;
    bool any = dr_guard_allows_all(g);
    MHD_add_response_header(m, "Access-Control-Allow-Origin", any ? "*" : x->r.origin);
    if (!any)
        MHD_add_response_header(m, "Access-Control-Allow-Credentials", "true");
    if (!dr_exchange_is_preflight(x))
        return;
    const char *asked = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Access-Control-Request-Headers");
    MHD_add_response_header(m, "Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE");
    MHD_add_response_header(m, "Access-Control-Allow-Headers", asked ? asked : "Authorization, Content-Type");
    MHD_add_response_header(m, "Access-Control-Max-Age", "600");
    if (has(x, "Access-Control-Request-Private-Network"))
        MHD_add_response_header(m, "Access-Control-Allow-Private-Network", "true");
}

static void add_headers(struct MHD_Response *m, const dr_answer *a, const dr_exchange *x)
{
    static const char *const always[][2] = {{"Content-Security-Policy", policy},
                                            {"X-Content-Type-Options", "nosniff"},
                                            {"X-Frame-Options", "DENY"},
                                            {"Referrer-Policy", "no-referrer"},
                                            {"Cross-Origin-Opener-Policy", "same-origin"},
                                            {"Cross-Origin-Resource-Policy", "same-origin"},
                                            {"Permissions-Policy", "camera=(self), microphone=(), geolocation=()"}};
    char download[200];
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        MHD_add_response_header(m, always[i][0], always[i][1]);
    MHD_add_response_header(m, "Cache-Control",
                            a->for_ever  ? "private, max-age=31536000, immutable"
                            : a->etag[0] ? "no-cache"
                                         : "no-store");
    if (a->type && a->status != 204)
        MHD_add_response_header(m, "Content-Type", a->type);
    if (a->etag[0])
        MHD_add_response_header(m, "ETag", a->etag);
    add_cors(m, x);
    if (a->allow[0])
        MHD_add_response_header(m, "Allow", a->allow);
    if (a->location[0])
        MHD_add_response_header(m, "Location", a->location);
    if (a->cookie[0])
        MHD_add_response_header(m, "Set-Cookie", a->cookie);
    if (a->status == 401)
        MHD_add_response_header(m, "WWW-Authenticate", "Basic realm=\"drape\"");
    if (a->status == 429 || a->status == 503)
        MHD_add_response_header(m, "Retry-After", "5");
    if (a->download[0]) {
        snprintf(download, sizeof download, "attachment; filename=\"%s\"", a->download);
        MHD_add_response_header(m, "Content-Disposition", download);
    }
}

static struct MHD_Response *file_response(const dr_answer *a)
{
    struct stat st;
    int fd = open(a->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    struct MHD_Response *m = NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        m = MHD_create_response_from_fd64((uint64_t)st.st_size, fd); /* closes it */
    if (!m)
        close(fd);
    return m;
}

static struct MHD_Response *response_of(dr_answer *a)
{
    struct MHD_Response *m;
    if (a->path)
        return file_response(a);
    if (!a->data)
        return MHD_create_response_from_buffer(a->size, (void *)(uintptr_t)a->bytes, MHD_RESPMEM_PERSISTENT);
    m = MHD_create_response_from_buffer(a->size, a->data, MHD_RESPMEM_MUST_FREE);
    if (m)
        a->data = NULL;
    return m;
}

enum MHD_Result dr_exchange_send(dr_exchange *x)
{
    dr_answer *a = &x->r.answer;
    const char *known = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "If-None-Match");
    if (a->status == 200 && a->etag[0] && known && strstr(known, a->etag)) {
        free(a->data);
        free(a->path);
        a->status = 304;
        a->data = a->path = NULL;
        a->bytes = "";
        a->size = 0;
    }
    struct MHD_Response *m = response_of(a);
    if (!m) {
        dr_answer_clear(a);
        dr_answer_error(a, 404, "not_found", NULL, "the file is not there any more");
        m = response_of(a);
    }
    if (!m)
        return MHD_NO;
    add_headers(m, a, x);
    atomic_fetch_add(&x->server->o->counts->answers[a->status / 100 % 6], 1);
    enum MHD_Result rc = MHD_queue_response(x->connection, (unsigned)a->status, m);
    MHD_destroy_response(m);
    return rc;
}

/* --- streams of events --------------------------------------------------------------------------- */

static void wake(void *user)
{
    MHD_resume_connection(user);
}

static void sleep_on(void *user)
{
    MHD_suspend_connection(user);
}

static ssize_t read_stream(void *user, uint64_t at, char *buf, size_t max)
{
    (void)at;
    ssize_t n = dr_stream_read(user, buf, max, sleep_on);
    return n < 0 ? (ssize_t)MHD_CONTENT_READER_END_OF_STREAM : n;
}

static void free_stream(void *user)
{
    dr_stream_free(user);
}

enum MHD_Result dr_exchange_stream(dr_exchange *x)
{
    int64_t job;
    const dr_server_options *o = x->server->o;
    char *first = o->first(o->studio, &x->r, &job);
    dr_stream *l = dr_stream_new(o->events, job, x->r.last_event_id, first, wake, x->connection);
    struct MHD_Response *m =
        l ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, l, free_stream) : NULL;
    if (!m) {
        dr_stream_free(l);
        return MHD_NO;
    }
    dr_answer a = {.status = 200, .type = "text/event-stream"};
    add_headers(m, &a, x);
    MHD_add_response_header(m, "X-Accel-Buffering", "no");
    enum MHD_Result rc = MHD_queue_response(x->connection, 200, m);
    MHD_destroy_response(m);
    return rc;
}
