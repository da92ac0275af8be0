#include "io/hub_fetch.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRESS_BYTES ((uint64_t)1 << 20)  /* a try that brings this much further is not counted */
#define WORTH_NOTING ((uint64_t)1 << 20)    /* smaller files are noted on the disk when the pull ends */
#define WORTH_TELLING ((uint64_t)256 << 20) /* hashing takes a second or more */

typedef struct fetch {
    dr_hub_job *j;
    const dr_hub_file *f;
    char *part; /* path of FILE.part */
    int fd;
    uint64_t have;   /* bytes in it */
    uint64_t before; /* bytes of the other files, for the overall progress */
    GChecksum *sum;  /* over those bytes */
    bool carried_on; /* some of the bytes came before this run or after a Range request */
} fetch;

void dr_hub_tell(dr_hub_job *j, const char *note)
{
    j->at.note = note;
    if (j->progress)
        j->progress(j->progress_user, &j->at);
    j->at.note = NULL;
}

void dr_hub_draw(dr_progress *bar, const dr_hub_progress *at)
{
    const long mib = (long)(at->total >> 20);
    if (at->note) {
        dr_progress_end(bar);
        fprintf(stderr, "%s%s%s\n", at->path, at->path[0] ? ": " : "", at->note);
        return;
    }
    if (!at->total)
        return;
    if (!bar->label)
        dr_progress_start(bar, "pull (MiB)", mib, false);
    dr_progress_set(bar, (long)(at->done >> 20), at->path);
}

dr_status dr_hub_lock(const char *dir, int *lock)
{
    *lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*lock >= 0 && flock(*lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return dr_fail(DR_EIO, "another pull into '%s' is at work; wait for it or end it", dir);
    return DR_OK;
}

char *dr_hub_place(const dr_hub_job *j, const char *path, const char *suffix)
{
    size_t n = strlen(j->dir) + strlen(path) + strlen(suffix) + 2;
    char *s = malloc(n);
    if (s)
        snprintf(s, n, "%s/%s%s", j->dir, path, suffix);
    else
        dr_fail(DR_ENOMEM, "out of memory");
    return s;
}

static bool cancelled(const dr_hub_job *j)
{
    return j->o->cancelled && j->o->cancelled(j->o->user);
}

dr_status dr_hub_explain(const dr_hub_job *j, dr_status st, const dr_http_reply *r)
{
    if (st != DR_ENET || (r->status != 401 && r->status != 403))
        return st;
    if (j->o->token)
        return dr_fail(st,
                       "%s: '%s' is private or gated and the token does not open it; accept its conditions on its web "
                       "page with the account of the token",
                       dr_error(), j->o->repo);
    return dr_fail(st, "%s: '%s' is private or gated, or does not exist; set HF_TOKEN to a token that may read it",
                   dr_error(), j->o->repo);
}

/* --- hashes ---------------------------------------------------------------------------------------- */

static GChecksum *hash_new(const dr_hub_file *f)
{
    GChecksum *sum = g_checksum_new(f->kind == DR_HUB_SHA256 ? G_CHECKSUM_SHA256 : G_CHECKSUM_SHA1);
    if (f->kind == DR_HUB_GIT_SHA1) {
        char head[64];
        int n = snprintf(head, sizeof head, "blob %llu", (unsigned long long)f->size);
        g_checksum_update(sum, (const guchar *)head, n + 1); /* the 0 byte belongs to it */
    }
    return sum;
}

/* Hashes the first `size` bytes of an open file. */
static dr_status hash_fd(dr_hub_job *j, GChecksum *sum, int fd, uint64_t size, const char *path)
{
    static const size_t CHUNK = (size_t)1 << 20;
    unsigned char *buf = malloc(CHUNK);
    dr_status st = buf ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    for (uint64_t at = 0; !st && at < size;) {
        size_t want = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        ssize_t n = pread(fd, buf, want, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            st = dr_fail(DR_EIO, "cannot read '%s': %s", path, n < 0 ? strerror(errno) : "it became shorter");
        else if (cancelled(j))
            st = dr_fail(DR_ECANCELLED, "cancelled");
        if (st)
            break;
        g_checksum_update(sum, buf, n);
        at += (uint64_t)n;
    }
    free(buf);
    return st;
}

static dr_status hash_matches(dr_hub_job *j, const dr_hub_file *f, const char *path, bool *same)
{
    *same = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return dr_fail(DR_EIO, "cannot read '%s': %s", path, strerror(errno));
    if (f->size >= WORTH_TELLING) {
        j->at.path = f->path;
        dr_hub_tell(j, "there already; reading it to see whether it is right");
        j->at.path = "";
    }
    GChecksum *sum = hash_new(f);
    dr_status st = hash_fd(j, sum, fd, f->size, path);
    if (!st)
        *same = strcmp(g_checksum_get_string(sum), f->hash) == 0;
    g_checksum_free(sum);
    close(fd);
    return st;
}

/* --- what is there ------------------------------------------------------------------------------------ */

dr_status dr_hub_look(dr_hub_job *j, const dr_hub_file *f, dr_hub_state *state)
{
    struct stat s;
    dr_status st = DR_OK;
    bool same = false;
    *state = DR_HUB_ABSENT;
    char *path = dr_hub_place(j, f->path, "");
    if (!path)
        return DR_ENOMEM;
    if (stat(path, &s) != 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            st = dr_fail(DR_EIO, "cannot look at '%s': %s", path, strerror(errno));
        free(path);
        return st;
    }
    bool untouched = dr_hub_record_untouched(&j->record, f->path, path);
    if (S_ISREG(s.st_mode) && (uint64_t)s.st_size == f->size) {
        same = untouched && dr_hub_record_same(&j->record, f);
        if (!same) {
            st = hash_matches(j, f, path, &same);
            if (!st && same)
                st = dr_hub_record_add(&j->record, f, path);
        }
    }
    *state = same ? DR_HUB_SAME : untouched ? DR_HUB_OLD : DR_HUB_FOREIGN;
    free(path);
    return st;
}

uint64_t dr_hub_part_size(const dr_hub_job *j, const dr_hub_file *f)
{
    struct stat s;
    char *part = dr_hub_place(j, f->path, ".part");
    uint64_t n = 0;
    if (part && lstat(part, &s) == 0 && S_ISREG(s.st_mode) && (uint64_t)s.st_size <= f->size)
        n = (uint64_t)s.st_size;
    free(part);
    return n;
}

/* --- fetching ------------------------------------------------------------------------------------------ */

/* Starts the file over. */
static dr_status empty(fetch *t)
{
    if (ftruncate(t->fd, 0) != 0 || lseek(t->fd, 0, SEEK_SET) != 0)
        return dr_fail(DR_EIO, "cannot write '%s': %s", t->part, strerror(errno));
    g_checksum_free(t->sum);
    t->sum = hash_new(t->f);
    t->have = 0;
    t->carried_on = false;
    return DR_OK;
}

/* The folder of the file inside out_dir. A symbolic link there would let the download land elsewhere. */
static dr_status make_folder(const dr_hub_job *j, const dr_hub_file *f)
{
    struct stat s;
    char *dir = dr_hub_place(j, f->path, "");
    if (!dir)
        return DR_ENOMEM;
    *strrchr(dir, '/') = 0;
    dr_status st = DR_OK;
    if (strchr(f->path, '/') && lstat(dir, &s) == 0 && !S_ISDIR(s.st_mode))
        st = dr_fail(DR_EINVAL, "cannot write into '%s': it is %s, not a folder", dir,
                     S_ISLNK(s.st_mode) ? "a symbolic link" : "a file");
    if (!st)
        st = dr_mkdirs(dir);
    free(dir);
    return st;
}

static dr_status open_part(fetch *t)
{
    struct stat s;
    t->fd = open(t->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (t->fd < 0)
        return dr_fail(DR_EIO, "cannot write '%s': %s", t->part,
                       errno == ELOOP ? "it is a symbolic link" : strerror(errno));
    if (fstat(t->fd, &s) != 0 || !S_ISREG(s.st_mode))
        return dr_fail(DR_EIO, "cannot write '%s': it is not a regular file", t->part);
    if ((uint64_t)s.st_size > t->f->size)
        return empty(t);
    dr_status st = hash_fd(t->j, t->sum, t->fd, (uint64_t)s.st_size, t->part);
    if (!st && lseek(t->fd, 0, SEEK_END) < 0)
        st = dr_fail(DR_EIO, "cannot write '%s': %s", t->part, strerror(errno));
    t->have = (uint64_t)s.st_size;
    t->carried_on = t->have > 0;
    return st;
}

static void tell_bytes(fetch *t)
{
    t->j->at.file_done = t->have;
    t->j->at.done = t->before + t->have;
    dr_hub_tell(t->j, NULL);
}

/* The answer's head: is this the piece that was asked for? */
static dr_status on_begin(void *user, dr_http_reply *r)
{
    fetch *t = user;
    uint64_t size = t->f->size;
    if (r->status == 206) {
        bool right =
            t->have > 0 && r->ranged && r->range_from == t->have && r->range_to == size - 1 && r->range_total == size;
        if (right) {
            t->carried_on = true;
        } else {
            dr_status st = empty(t); /* the next try asks for the whole file, without Range */
            r->again = !st;
            return st ? st : dr_fail(DR_ENET, "the server answered with another piece than asked for");
        }
    } else if (t->have > 0) { /* 200: it does not do ranges, and sends all */
        dr_status st = empty(t);
        if (st)
            return st;
    }
    if (r->length != DR_HTTP_UNKNOWN && r->length != size - t->have)
        return dr_fail(DR_EINVAL, "the server has %llu bytes of it, its listing says %llu",
                       (unsigned long long)(t->have + r->length), (unsigned long long)size);
    return DR_OK;
}

static dr_status on_bytes(void *user, const void *bytes, size_t n)
{
    fetch *t = user;
    const char *p = bytes;
    if (n > t->f->size - t->have)
        return dr_fail(DR_EINVAL, "the server sends more than the %llu bytes its listing says",
                       (unsigned long long)t->f->size);
    while (n > 0) {
        ssize_t w = write(t->fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return dr_fail(DR_EIO, "cannot write '%s': %s; pull again to carry on when there is room", t->part,
                           w < 0 ? strerror(errno) : "nothing was written");
        g_checksum_update(t->sum, (const guchar *)p, w);
        t->have += (uint64_t)w;
        t->j->fetched += (uint64_t)w;
        p += w;
        n -= (size_t)w;
    }
    tell_bytes(t);
    return cancelled(t->j) ? dr_fail(DR_ECANCELLED, "cancelled") : DR_OK;
}

/* Until all bytes are there. */
static dr_status bring(fetch *t)
{
    dr_http_sink sink = {on_begin, on_bytes, t};
    size_t n = strlen(t->j->base) + strlen(t->f->path) + 2;
    uint64_t furthest = t->have;
    char *url = malloc(n);
    if (!url)
        return dr_fail(DR_ENOMEM, "out of memory");
    snprintf(url, n, "%s/%s", t->j->base, t->f->path);
    dr_status st = DR_OK;
    for (int tried = 1; !st && t->have < t->f->size; tried++) {
        dr_http_reply r;
        bool carry_on = t->have > 0;
        st = dr_http_get(t->j->http, url, t->have, &sink, &r);
        if (!st && t->have == t->f->size)
            break;
        if (!st) {
            st = dr_fail(DR_ENET, "the connection was cut at byte %llu of %llu", (unsigned long long)t->have,
                         (unsigned long long)t->f->size);
            r.again = true;
        } else if (r.status == 416 && carry_on) { /* it cannot give a piece: ask for the whole */
            r.again = empty(t) == DR_OK;
        }
        if (t->have >= furthest + PROGRESS_BYTES) {
            furthest = t->have;
            tried = 1;
        }
        st = dr_http_wait(t->j->http, tried, dr_hub_explain(t->j, st, &r), &r);
    }
    free(url);
    return st;
}

/* Bytes to a file under its own name. */
static dr_status settle(fetch *t, const char *path)
{
    if (fsync(t->fd) != 0 || rename(t->part, path) != 0)
        return dr_fail(DR_EIO, "cannot write '%s': %s", path, strerror(errno));
    dr_dir_sync_of(path);
    dr_status st = dr_hub_record_add(&t->j->record, t->f, path);
    if (st || t->f->size < WORTH_NOTING)
        return st;
    return dr_hub_record_save(&t->j->record);
}

static dr_status bring_and_verify(fetch *t)
{
    for (int round = 0;; round++) {
        dr_status st = bring(t);
        if (st)
            return st;
        if (strcmp(g_checksum_get_string(t->sum), t->f->hash) == 0)
            return DR_OK;
        bool carried_on = t->carried_on;
        st = empty(t);
        if (st)
            return st;
        if (!carried_on || round == 1) {
            unlink(t->part);
            return dr_fail(DR_EINVAL, "what arrived has not the %s that the listing says; the copy is not kept",
                           t->f->kind == DR_HUB_SHA256 ? "SHA-256" : "git hash");
        }
        dr_hub_tell(t->j, "what was fetched earlier does not fit; fetching the file from its start");
    }
}

dr_status dr_hub_fetch(dr_hub_job *j, const dr_hub_file *f)
{
    fetch t = {.j = j, .f = f, .fd = -1, .before = j->at.done};
    char *path = dr_hub_place(j, f->path, "");
    t.part = dr_hub_place(j, f->path, ".part");
    dr_status st = path && t.part ? make_folder(j, f) : DR_ENOMEM;
    if (!st) {
        t.sum = hash_new(f);
        st = open_part(&t);
    }
    if (!st) {
        tell_bytes(&t);
        st = bring_and_verify(&t);
    }
    if (!st)
        st = settle(&t, path);
    if (t.fd >= 0)
        close(t.fd);
    if (t.sum)
        g_checksum_free(t.sum);
    free(t.part);
    free(path);
    return st;
}
