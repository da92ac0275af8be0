/* The daemon and its connections. */
#include "serve/http/exchange.h"

#include "base/progress.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { CONNECTIONS = 2048, HTTP_THREADS = 4, CONNECTION_MEMORY = 16384, MAX_BODIES = 256 << 20 };

/* --- connections -------------------------------------------------------------------------------- */

static void open_link(dr_server *v, int fd, void **context)
{
    dr_link *l = calloc(1, sizeof *l);
    if (!l)
        return;
    *l = (dr_link){.fd = fd, .since = dr_now()};
    pthread_mutex_lock(&v->mutex);
    l->next = v->links;
    if (v->links)
        v->links->previous = l;
    v->links = l;
    pthread_mutex_unlock(&v->mutex);
    atomic_fetch_add(&v->o->counts->connections, 1);
    *context = l;
}

static void close_link(dr_server *v, void **context)
{
    dr_link *l = *context;
    if (!l)
        return;
    pthread_mutex_lock(&v->mutex);
    if (l->previous)
        l->previous->next = l->next;
    else
        v->links = l->next;
    if (l->next)
        l->next->previous = l->previous;
    pthread_mutex_unlock(&v->mutex);
    atomic_fetch_sub(&v->o->counts->connections, 1);
    free(l);
    *context = NULL;
}

static void on_connection(void *user, struct MHD_Connection *c, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (code == MHD_CONNECTION_NOTIFY_STARTED && info)
        open_link(user, info->connect_fd, context);
    else if (code == MHD_CONNECTION_NOTIFY_CLOSED)
        close_link(user, context);
}

void dr_server_reap(dr_server *v)
{
    double now = dr_now();
    pthread_mutex_lock(&v->mutex); /* a link that is in the list has an open socket */
    for (const dr_link *l = v->links; l; l = l->next)
        if (!l->busy && now - l->since > DR_IDLE_SECONDS)
            shutdown(l->fd, SHUT_RDWR);
    pthread_mutex_unlock(&v->mutex);
}

/* --- start and stop ----------------------------------------------------------------------------- */

static bool loopback_address(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24) == 127;
    return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

static void raise_file_limit(void)
{
    struct rlimit l;
    rlim_t want = CONNECTIONS + 512;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= want)
        return;
    l.rlim_cur = l.rlim_max < want ? l.rlim_max : want;
    (void)setrlimit(RLIMIT_NOFILE, &l);
}

/* libmicrohttpd's own bound is for each of its threads, which may not share connections evenly. */
static enum MHD_Result have_room(void *user, const struct sockaddr *address, socklen_t size)
{
    dr_server *v = user;
    (void)address, (void)size;
    return atomic_load(&v->o->counts->connections) < CONNECTIONS ? MHD_YES : MHD_NO;
}

static void be_quiet(void *user, const char *format, va_list ap)
{
    (void)user, (void)format, (void)ap; /* what clients do wrong is no message for whoever started the server */
}

static dr_status listen_at(dr_server *v, const struct sockaddr *address)
{
    const dr_server_options *o = v->o;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_ITC |
                     (address->sa_family == AF_INET6 ? MHD_USE_IPv6 : 0);
    raise_file_limit();
    v->daemon = MHD_start_daemon(
        flags, (uint16_t)o->port, have_room, v, dr_exchange_handle, v, MHD_OPTION_EXTERNAL_LOGGER, be_quiet, NULL,
        MHD_OPTION_SOCK_ADDR, address, MHD_OPTION_NOTIFY_COMPLETED, dr_exchange_done, v, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, v, MHD_OPTION_CONNECTION_LIMIT, (unsigned)(CONNECTIONS * HTTP_THREADS),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)DR_IDLE_SECONDS, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)HTTP_THREADS, MHD_OPTION_LISTEN_BACKLOG_SIZE,
        (unsigned)1024, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)(o->proxies || loopback_address(address) ? 0 : 256), MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (!v->daemon)
        return dr_fail(DR_EIO, "cannot listen at %s, port %d: %s", o->host, o->port,
                       errno == EADDRINUSE ? "another program does; choose another --port" : strerror(errno));
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(v->daemon, MHD_DAEMON_INFO_BIND_PORT);
    v->guard.port = info && info->port ? info->port : o->port;
    return DR_OK;
}

static dr_status listen_by_name(dr_server *v)
{
    const dr_server_options *o = v->o;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    char port[16];
    snprintf(port, sizeof port, "%d", o->port);
    int rc = getaddrinfo(o->host, port, &hints, &found);
    if (rc != 0)
        return dr_fail(DR_EINVAL, "--host: cannot find '%s': %s", o->host, gai_strerror(rc));
    const struct addrinfo *a = found;
    while (a->ai_next && a->ai_family != AF_INET) /* IPv4 where there is a choice, as browsers try it */
        a = a->ai_next;
    dr_status st;
    if (!o->open && !dr_guard_needs_token(&v->guard) && !loopback_address(a->ai_addr))
        st = dr_fail(DR_EINVAL,
                     "--host %s can be reached from other machines: choose a secret and add --token, or give clients "
                     "tokens of their own with drape store token add",
                     o->host);
    else
        st = listen_at(v, a->ai_addr);
    freeaddrinfo(found);
    return st;
}

dr_status dr_server_start(dr_server *v, const dr_server_options *o)
{
    *v = (dr_server){.o = o,
                     .guard = {.host = o->host,
                               .port = o->port,
                               .token = o->token,
                               .origins = o->origins,
                               .has_clients = o->has_clients,
                               .client = o->client,
                               .user = o->studio}};
    pthread_mutex_init(&v->mutex, NULL);
    pthread_cond_init(&v->task, NULL);
    dr_limits_init(&v->limits, MAX_BODIES);
    dr_status st = dr_tasks_start(v);
    if (!st)
        st = listen_by_name(v);
    if (st)
        dr_server_stop(v);
    return st;
}

void dr_server_stop(dr_server *v)
{
    char why[1024];
    snprintf(why, sizeof why, "%s", dr_error());
    if (v->daemon) {
        MHD_socket fd = MHD_quiesce_daemon(v->daemon);
        if (fd != MHD_INVALID_SOCKET)
            shutdown(fd, SHUT_RDWR);
    }
    dr_tasks_close(v);
    dr_events_stop(v->o->events);
    dr_tasks_join(v);
    if (v->daemon)
        MHD_stop_daemon(v->daemon);
    pthread_mutex_destroy(&v->mutex);
    pthread_cond_destroy(&v->task);
    dr_error_clear();
    if (why[0])
        dr_fail(DR_EIO, "%s", why);
}
