/* One request: its headers are judged first, then its body is taken within bounds, then it is handled. */
#include "serve/http/exchange.h"

#include "base/progress.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* A body must come at 16 KiB a second, after a start of half a minute. */
#define SLOWEST 16384.0

static const char *header(struct MHD_Connection *c, const char *name)
{
    return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* Whom a proxy speaks for: the last address of X-Forwarded-For, which is what that proxy itself saw. */
static void look_behind(const dr_server *v, struct MHD_Connection *c, char address[64])
{
    const char *list = header(c, "X-Forwarded-For"), *comma = list ? strrchr(list, ',') : NULL;
    const char *last = comma ? comma + 1 : list;
    if (!list || !v->o->proxies || !dr_list_has(v->o->proxies, address))
        return;
    last += strspn(last, " ");
    size_t n = strspn(last, "0123456789abcdefABCDEF.:");
    if (n > 0 && n < 64 && last[n + strspn(last + n, " ")] == 0)
        snprintf(address, 64, "%.*s", (int)n, last);
}

static void client_address(const dr_server *v, struct MHD_Connection *c, char out[64])
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *a = info ? info->client_addr : NULL;
    socklen_t n = a && a->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (!a || getnameinfo(a, n, out, 64, NULL, 0, NI_NUMERICHOST) != 0)
        snprintf(out, 64, "unknown");
    look_behind(v, c, out);
}

/* "%00" in a query ends a C string early: what stands behind it would pass every check unseen, so such a query is
 * refused. */
static enum MHD_Result take_argument(void *user, enum MHD_ValueKind kind, const char *name, size_t name_size,
                                     const char *value, size_t value_size)
{
    dr_request *r = user;
    (void)kind;
    if (strlen(name) != name_size || (value && strlen(value) != value_size))
        r->cut_arg = name;
    if (r->arg_count == DR_MAX_ARGS)
        return MHD_NO;
    r->arg[r->arg_count].name = name;
    r->arg[r->arg_count++].value = value;
    return MHD_YES;
}

/* --- before the body ---------------------------------------------------------------------------- */

/* A browser's way in with a token: /?token=T sets the cookie. */
static bool log_in(dr_exchange *x)
{
    const char *token = dr_request_arg(&x->r, "token");
    if (!token || strlen(token) > 150 || strcmp(x->r.path, "/") != 0 ||
        !dr_guard_knows(&x->server->guard, token, &x->r.who))
        return false;
    x->r.answer = (dr_answer){.status = 303, .type = "text/plain", .bytes = ""};
    snprintf(x->r.answer.location, sizeof x->r.answer.location, "/");
    snprintf(x->r.answer.cookie, sizeof x->r.answer.cookie, "drape_token=%.150s; HttpOnly; SameSite=Strict; Path=/",
             token);
    return true;
}

static void check_guard(dr_exchange *x)
{
    struct MHD_Connection *c = x->connection;
    dr_server *v = x->server;
    dr_credentials who = {header(c, "Host"),           header(c, "Origin"),        header(c, "Sec-Fetch-Site"),
                          header(c, "Sec-Fetch-Mode"), header(c, "Authorization"), header(c, "Cookie")};
    dr_answer *a = &x->r.answer;
    if (dr_route_is_open(v->o->routes, x->r.path) && !who.origin)
        return;
    if (dr_guard_needs_token(&v->guard) && dr_limits_failed(&v->limits, x->r.client, x->began)) {
        dr_answer_error(a, 429, "too_many", NULL, "too many wrong tokens: wait a minute");
        return;
    }
    dr_verdict verdict = dr_guard_check(&v->guard, &who, x->r.method, &x->r.who);
    if (verdict != DR_WRONG_HOST && dr_guard_lists(&v->guard, who.origin))
        x->r.origin = who.origin;
    if (x->r.origin && dr_exchange_is_preflight(x)) { /* it never brings the token */
        *a = (dr_answer){.status = 204, .type = "text/plain", .bytes = ""};
        return;
    }
    switch (verdict) {
    case DR_ALLOWED:
        break;
    case DR_WRONG_HOST:
        dr_answer_error(
            a, 403, "wrong_host", NULL,
            "this server does not go by the name '%.80s': use 127.0.0.1 or localhost, or start it with --host "
            "and --token",
            who.host ? who.host : "");
        break;
    case DR_WRONG_ORIGIN:
        dr_answer_error(a, 403, "wrong_origin", NULL, "requests from other sites' pages are not answered");
        break;
    case DR_WRONG_TOKEN:
        if (log_in(x))
            break;
        if (who.authorization || who.cookie || dr_request_arg(&x->r, "token"))
            dr_limits_fail(&v->limits, x->r.client, x->began);
        dr_answer_error(a, 401, "no_token", NULL,
                        "a token is needed: open /?token=TOKEN, or send 'Authorization: Bearer TOKEN'");
    }
}

static void check_length(dr_exchange *x)
{
    const char *length = header(x->connection, "Content-Length");
    char *end = NULL;
    unsigned long long n = length ? strtoull(length, &end, 10) : 0;
    if (length && (*end || n > x->route->max_body))
        dr_answer_error(&x->r.answer, 413, "too_large", NULL, "the body has %.20s bytes, at most %zu are taken here",
                        length, x->route->max_body);
}

/* A token for numbers gets nothing else. */
static void check_rights(dr_exchange *x)
{
    if (strcmp(x->r.who.rights, "metrics") == 0 && !(x->route->flags & DR_ROUTE_NUMBERS))
        dr_answer_error(&x->r.answer, 403, "no_right", NULL, "this token is for /metrics and nothing else");
}

static void check_limits(dr_exchange *x)
{
    bool stream = x->route->flags & DR_ROUTE_STREAM;
    if (!stream && strcmp(x->r.method, "GET") == 0)
        return;
    if (!stream && strcmp(x->r.method, "HEAD") == 0)
        return;
    x->entered = dr_limits_enter(&x->server->limits, x->r.client, stream ? DR_LIMIT_STREAM : DR_LIMIT_POST, x->began);
    if (!x->entered)
        dr_answer_error(&x->r.answer, 429, "too_many", NULL, "too many requests at once or in a minute: slow down");
    else if (stream)
        atomic_fetch_add(&x->server->o->counts->streams, 1);
}

/* The first look at a request, with its headers only. Sets the answer if it is refused, or needs no handler. */
static void judge(dr_exchange *x)
{
    check_guard(x);
    if (!x->r.answer.status && x->r.cut_arg)
        dr_answer_error(&x->r.answer, 400, "bad_field", x->r.cut_arg, "a NUL character (%%00) has no place in a query");
    if (!x->r.answer.status && x->server->closing)
        dr_answer_error(&x->r.answer, 503, "stopping", NULL, "the server is stopping");
    if (!x->r.answer.status)
        x->route = dr_route_find(x->server->o->routes, x->server->o->page, &x->r);
    if (!x->r.answer.status && x->route)
        check_rights(x);
    if (!x->r.answer.status && x->route)
        check_length(x);
    if (!x->r.answer.status && x->route)
        check_limits(x);
}

static dr_exchange *begin(dr_server *v, struct MHD_Connection *c, const char *url, const char *method)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    dr_link *link = info ? info->socket_context : NULL;
    dr_exchange *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->server = v;
    x->connection = c;
    x->began = dr_now();
    x->r.method = method;
    x->r.path = url;
    x->r.content_type = header(c, "Content-Type");
    x->r.last_event_id = header(c, "Last-Event-ID");
    client_address(v, c, x->r.client);
    MHD_get_connection_values_n(c, MHD_GET_ARGUMENT_KIND, take_argument, &x->r);
    if (link) {
        pthread_mutex_lock(&v->mutex);
        link->busy = true;
        pthread_mutex_unlock(&v->mutex);
    }
    judge(x);
    return x;
}

/* --- the body ----------------------------------------------------------------------------------- */

/* Room for `more` bytes; false with the answer set. */
static bool make_room(dr_exchange *x, size_t more)
{
    size_t most = x->route ? x->route->max_body : 0;
    if (more > most - x->size) {
        dr_answer_error(&x->r.answer, 413, "too_large", NULL,
                        "the body is larger than the %zu bytes that are taken here", most);
        return false;
    }
    if (x->size + more <= x->room)
        return true;
    size_t room = x->room ? 2 * x->room : 8192;
    room = room < x->size + more ? x->size + more : room;
    room = room > most ? most : room;
    char *body = dr_limits_take(&x->server->limits, room - x->room) ? realloc(x->body, room) : NULL;
    if (!body) {
        dr_answer_error(&x->r.answer, 503, "busy", NULL, "too many large requests at once: try again in a while");
        return false;
    }
    x->body = body;
    x->room = room;
    return true;
}

/* One piece of the body; what is refused is read and dropped, so that the answer is seen. */
static enum MHD_Result take(dr_exchange *x, const char *data, size_t *size)
{
    double time = dr_now() - x->began;
    if (time > 30 && (double)x->size < (time - 30) * SLOWEST)
        return MHD_NO; /* a trickle that would hold memory for ever */
    if (!x->r.answer.status && make_room(x, *size)) {
        memcpy(x->body + x->size, data, *size);
        x->size += *size;
    }
    *size = 0;
    return MHD_YES;
}

/* --- handling ----------------------------------------------------------------------------------- */

static enum MHD_Result handle(dr_exchange *x)
{
    x->r.body = x->body;
    x->r.size = x->size;
    if (x->r.answer.status)
        return dr_exchange_send(x);
    if (x->route->flags & DR_ROUTE_SLOW) {
        if (dr_exchange_hand_over(x))
            return MHD_YES;
        dr_answer_error(&x->r.answer, 503, "stopping", NULL, "the server is stopping");
        return dr_exchange_send(x);
    }
    x->route->handle(x->server->o->studio, &x->r);
    if (x->route->flags & DR_ROUTE_STREAM && !x->r.answer.status)
        return dr_exchange_stream(x);
    return dr_exchange_send(x);
}

enum MHD_Result dr_exchange_handle(void *server, struct MHD_Connection *c, const char *url, const char *method,
                                   const char *version, const char *data, size_t *size, void **exchange)
{
    dr_exchange *x = *exchange;
    (void)version;
    if (!x) {
        x = *exchange = begin(server, c, url, method);
        if (!x)
            return MHD_NO;
        /* refused with a body on its way: the answer goes out at once, and the connection is closed behind it */
        const char *length = header(c, "Content-Length");
        bool body = (length && strcmp(length, "0") != 0) || header(c, "Transfer-Encoding");
        return x->r.answer.status && body ? dr_exchange_send(x) : MHD_YES;
    }
    if (*size > 0)
        return take(x, data, size);
    return x->ready ? dr_exchange_send(x) : handle(x);
}

void dr_exchange_done(void *server, struct MHD_Connection *c, void **exchange, enum MHD_RequestTerminationCode code)
{
    dr_server *v = server;
    dr_exchange *x = *exchange;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    dr_link *link = info ? info->socket_context : NULL;
    (void)code;
    pthread_mutex_lock(&v->mutex);
    if (link) {
        link->busy = false;
        link->since = dr_now();
    }
    pthread_mutex_unlock(&v->mutex);
    if (!x)
        return;
    bool stream = x->entered && x->route->flags & DR_ROUTE_STREAM;
    if (x->entered)
        dr_limits_leave(&v->limits, x->r.client, stream ? DR_LIMIT_STREAM : DR_LIMIT_POST);
    if (stream)
        atomic_fetch_sub(&v->o->counts->streams, 1);
    dr_limits_give(&v->limits, x->room);
    dr_answer_clear(&x->r.answer);
    json_decref(x->r.kept);
    free(x->body);
    free(x);
    *exchange = NULL;
}
