/* A small Hugging Face hub on 127.0.0.1 that misbehaves on request, for tests. One thread, one request per
 * connection, an ephemeral port. Set `files` and `fault` before a pull; counters are read after it. */
#ifndef DR_TESTS_HUB_SERVER_H
#define DR_TESTS_HUB_SERVER_H

#include <arpa/inet.h>
#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HUB_COMMIT "0123456789abcdef0123456789abcdef01234567"

typedef struct hub_file {
    const char *path;
    const unsigned char *data;
    size_t size;
    bool lfs;
} hub_file;

typedef enum hub_fault_kind {
    HUB_FINE,
    HUB_CUT,         /* closes after `at` bytes of the body */
    HUB_NO_RANGE,    /* answers 200 with all of it, whatever was asked */
    HUB_OTHER_RANGE, /* answers 206 with a Content-Range that was not asked for */
    HUB_NOT_RANGE,   /* answers 416 to any Range */
    HUB_LONGER,      /* Content-Length and body 10 bytes too long */
    HUB_ENDLESS,     /* no Content-Length, more bytes than listed */
    HUB_FLIP,        /* right size, one byte wrong */
    HUB_STATUS,      /* answers `status` */
    HUB_REDIRECT,    /* 302 to `to` + path */
    HUB_HEADERS      /* headers without end */
} hub_fault_kind;

typedef struct hub_fault {
    const char *path; /* part of the request's path it applies to */
    hub_fault_kind kind;
    int times; /* 0 = always */
    int status;
    size_t at;
    const char *to;
    int retry_after;
} hub_fault;

typedef struct hub_server {
    const hub_file *file;
    int files;
    hub_fault fault[4];
    const char *listing; /* sent in place of the real one */
    const char *token;   /* 401 without it */
    bool paged;          /* the listing comes in two pages */
    int port;
    /* what was seen */
    int requests, bodies, ranges, authorized;
    size_t range_from; /* of the last Range request */
    int listener;
    pthread_t thread;
    pthread_mutex_t lock;
} hub_server;

static void hub_send(int fd, const void *data, size_t n)
{
    const char *p = data;
    while (n > 0) {
        ssize_t w = send(fd, p, n < 16384 ? n : 16384, MSG_NOSIGNAL);
        if (w <= 0)
            return;
        p += w;
        n -= (size_t)w;
    }
}

static void hub_send_text(int fd, const char *status, const char *headers, const char *body)
{
    char head[1024];
    int n = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n", status,
                     strlen(body), headers);
    hub_send(fd, head, (size_t)n);
    hub_send(fd, body, strlen(body));
}

static void hub_list_file(GString *s, const hub_file *f)
{
    char head[64];
    GChecksum *git = g_checksum_new(G_CHECKSUM_SHA1);
    g_checksum_update(git, (const guchar *)head, snprintf(head, sizeof head, "blob %zu", f->size) + 1);
    g_checksum_update(git, f->data, (gssize)f->size);
    g_string_append_printf(s, "%s{\"type\":\"file\",\"path\":\"%s\",\"size\":%zu,\"oid\":\"%s\"", s->len > 1 ? "," : "",
                           f->path, f->size, g_checksum_get_string(git));
    g_checksum_free(git);
    if (f->lfs) {
        char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, f->data, f->size);
        g_string_append_printf(s, ",\"lfs\":{\"oid\":\"%s\",\"size\":%zu,\"pointerSize\":134}", sum, f->size);
        g_free(sum);
    }
    g_string_append(s, "}");
}

static void hub_send_listing(hub_server *h, int fd, bool second)
{
    char link[256] = "";
    GString *s = g_string_new("[");
    int half = h->paged ? h->files / 2 : h->files;
    for (int i = second ? half : 0; i < (second ? h->files : half); i++)
        hub_list_file(s, &h->file[i]);
    g_string_append(s, "]");
    if (h->paged && !second)
        snprintf(link, sizeof link,
                 "Link: <http://127.0.0.1:%d/first>; rel=\"first\", <http://127.0.0.1:%d/api/models/org/tiny/tree/x?"
                 "page=2>; rel=\"next\"\r\n",
                 h->port, h->port);
    hub_send_text(fd, "200 OK", link, h->listing ? h->listing : s->str);
    g_string_free(s, TRUE);
}

static const hub_fault *hub_find_fault(hub_server *h, const char *path)
{
    for (size_t i = 0; i < sizeof h->fault / sizeof *h->fault; i++) {
        hub_fault *f = &h->fault[i];
        if (!f->path || f->kind == HUB_FINE || !strstr(path, f->path))
            continue;
        if (f->times > 0 && --f->times == 0) {
            static hub_fault last;
            last = *f;
            f->kind = HUB_FINE;
            return &last;
        }
        return f;
    }
    return NULL;
}

static void hub_send_body(hub_server *h, int fd, const hub_file *f, long from, const hub_fault *fault)
{
    char head[512];
    hub_fault_kind kind = fault ? fault->kind : HUB_FINE;
    bool piece = from >= 0 && kind != HUB_NO_RANGE;
    size_t at = piece ? (size_t)from : 0, size = f->size - at;
    int n;
    if (piece && kind == HUB_NOT_RANGE) {
        hub_send_text(fd, "416 Range Not Satisfiable", "", "");
        return;
    }
    if (piece)
        n = snprintf(head, sizeof head, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %zu-%zu/%zu\r\n",
                     kind == HUB_OTHER_RANGE ? at + 1 : at, f->size - 1, f->size);
    else
        n = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n");
    hub_send(fd, head, (size_t)n);
    n = 0;
    if (kind != HUB_ENDLESS)
        n = snprintf(head, sizeof head, "Content-Length: %zu\r\n", size + (kind == HUB_LONGER ? 10 : 0));
    n += snprintf(head + n, sizeof head - (size_t)n, "Connection: close\r\n\r\n");
    hub_send(fd, head, (size_t)n);
    h->bodies++;
    unsigned char *copy = malloc(size + 10);
    memcpy(copy, f->data + at, size);
    memset(copy + size, 0, 10);
    if (kind == HUB_FLIP)
        copy[size / 2] ^= 1;
    if (kind == HUB_CUT && fault->at < size)
        size = fault->at;
    hub_send(fd, copy, size + (kind == HUB_LONGER || kind == HUB_ENDLESS ? 10 : 0));
    free(copy);
}

static void hub_answer(hub_server *h, int fd, const char *path, long from)
{
    const hub_fault *fault = hub_find_fault(h, path);
    char text[4096], extra[64] = "";
    if (fault && fault->kind == HUB_STATUS) {
        if (fault->retry_after)
            snprintf(extra, sizeof extra, "Retry-After: %d\r\n", fault->retry_after);
        snprintf(text, sizeof text, "%d Fault", fault->status);
        hub_send_text(fd, text, extra, "<html>an error page</html>");
        return;
    }
    if (fault && fault->kind == HUB_REDIRECT) {
        snprintf(text, sizeof text, "Location: %s%s\r\n", fault->to, path);
        hub_send_text(fd, "302 Found", text, "");
        return;
    }
    if (fault && fault->kind == HUB_HEADERS) {
        hub_send(fd, "HTTP/1.1 200 OK\r\n", 17);
        for (int i = 0; i < 40000; i++)
            hub_send(fd, "X-Filler: 0123456789012345678901234567890123456789\r\n", 52);
        return;
    }
    if (strstr(path, "/revision/")) {
        hub_send_text(fd, "200 OK", "", "{\"id\":\"org/tiny\",\"sha\":\"" HUB_COMMIT "\",\"siblings\":[]}");
        return;
    }
    if (strstr(path, "/tree/")) {
        hub_send_listing(h, fd, strstr(path, "page=2") != NULL);
        return;
    }
    const char *name = strstr(path, "/resolve/" HUB_COMMIT "/");
    for (int i = 0; name && i < h->files; i++)
        if (strcmp(name + strlen("/resolve/" HUB_COMMIT "/"), h->file[i].path) == 0) {
            hub_send_body(h, fd, &h->file[i], from, fault);
            return;
        }
    hub_send_text(fd, "404 Not Found", "", "no such thing");
}

static void hub_serve(hub_server *h, int fd)
{
    char head[8192], path[2048] = "", want[256];
    size_t n = 0;
    while (n < sizeof head - 1) {
        ssize_t r = recv(fd, head + n, sizeof head - 1 - n, 0);
        if (r <= 0)
            return;
        n += (size_t)r;
        head[n] = 0;
        if (strstr(head, "\r\n\r\n"))
            break;
    }
    sscanf(head, "GET %2047s", path);
    const char *range = strstr(head, "\r\nRange: bytes="), *auth = strstr(head, "\r\nAuthorization: ");
    long from = range ? strtol(range + 15, NULL, 10) : -1;
    pthread_mutex_lock(&h->lock);
    h->requests++;
    h->ranges += range != NULL;
    h->authorized += auth != NULL;
    if (range)
        h->range_from = (size_t)from;
    snprintf(want, sizeof want, "\r\nAuthorization: Bearer %s\r\n", h->token ? h->token : "");
    if (h->token && !strstr(head, want))
        hub_send_text(fd, "401 Unauthorized", "X-Error-Code: GatedRepo\r\n", "no");
    else
        hub_answer(h, fd, path, from);
    pthread_mutex_unlock(&h->lock);
}

static void *hub_run(void *user)
{
    hub_server *h = user;
    for (;;) {
        int fd = accept(h->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        hub_serve(h, fd);
        shutdown(fd, SHUT_WR);
        char drain[256]; /* closing with unread bytes would reset the connection and lose the answer */
        while (recv(fd, drain, sizeof drain, 0) > 0)
            ;
        close(fd);
    }
}

static bool hub_start(hub_server *h, const hub_file *file, int files)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    memset(h, 0, sizeof *h);
    h->file = file;
    h->files = files;
    pthread_mutex_init(&h->lock, NULL);
    h->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (h->listener < 0 || bind(h->listener, (struct sockaddr *)&a, sizeof a) != 0 || listen(h->listener, 16) != 0 ||
        getsockname(h->listener, (struct sockaddr *)&a, &size) != 0)
        return false;
    h->port = ntohs(a.sin_port);
    return pthread_create(&h->thread, NULL, hub_run, h) == 0;
}

/* After a pull: until the answer in progress is done with, so that what it reads may change or go. */
static void hub_settle(hub_server *h)
{
    pthread_mutex_lock(&h->lock);
    pthread_mutex_unlock(&h->lock);
}

static void hub_stop(hub_server *h)
{
    shutdown(h->listener, SHUT_RDWR); /* wakes accept */
    pthread_join(h->thread, NULL);
    close(h->listener);
    pthread_mutex_destroy(&h->lock);
}

#endif
