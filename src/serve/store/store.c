/* Opening and closing the store. */
#include "serve/store/store_impl.h"

#include "base/file.h"
#include "base/path.h"
#include "serve/store/layout.h"
#include "serve/store/url.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* --- this machine's folder -------------------------------------------------------------------------- */

static dr_status make_dirs(const dr_store *s)
{
    char path[PATH_MAX];
    static const char *const below[] = {"", "/blobs", "/train", "/tmp"};
    dr_status st = DR_OK;
    for (int i = 0; !st && i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", s->dir, below[i]);
        st = dr_mkdirs(path);
    }
    return st;
}

/* What a killed server left half done. */
static dr_status clean_tmp(const dr_store *s)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, s->dir, "tmp");
    if (st)
        return st;
    (void)dr_remove_tree(path);
    return dr_mkdirs(path);
}

/* SQLite's folder is one process's. Of PostgreSQL's copies several may make use; the first one cleans up. */
static dr_status lock_dir(dr_store *s, bool shared)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, s->dir, "lock");
    if (st)
        return st;
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return dr_fail(DR_EIO, "cannot write into '%s': %s", s->dir, strerror(errno));
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
        st = clean_tmp(s);
    else if (errno == EWOULDBLOCK && !shared)
        st = dr_fail(DR_EINVAL, "another drape serve works in '%s': end it, or choose another --data", s->dir);
    if (!st && shared)
        (void)flock(s->lock_fd, LOCK_SH);
    return st;
}

static dr_status open_folder(dr_store *s, bool shared)
{
    dr_status st = strlen(s->dir) > PATH_MAX - 200 ? dr_fail(DR_EINVAL, "--data is too long") : make_dirs(s);
    return st ? st : lock_dir(s, shared);
}

/* --- the databases ---------------------------------------------------------------------------------- */

/* What was running when the last server ended waits again: nobody else can hold it. */
static dr_status recover(dr_store *s)
{
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);)
        st = dr_sql_run(s->db,
                        "UPDATE jobs SET state='waiting', started=NULL, lease=NULL, worker=NULL, cancel=0 WHERE "
                        "state='running'",
                        NULL);
    return st;
}

static dr_status open_sqlite(dr_store *s, const dr_store_options *o, const char *folder)
{
    char path[PATH_MAX];
    s->dir = strdup(folder ? folder : o->dir);
    dr_status st = s->dir ? open_folder(s, false) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_path(path, sizeof path, s->dir, "drape.db");
    if (!st)
        st = dr_db_sqlite(&s->db, path);
    if (!st)
        st = dr_layout_open(s->db);
    return st || o->upgrade ? st : recover(s);
}

/* The layout, when the database can be reached. */
static dr_status reach(dr_store *s)
{
    dr_status st;
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);)
        st = dr_layout_open(s->db);
    return st;
}

/* What this store is called among others, so that copies of one are not taken for another's. */
static dr_status read_id(dr_store *s, char *id, size_t n)
{
    dr_status st;
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);)
        dr_layout_meta(s->db, "id", id, n);
    return st;
}

static dr_status open_postgresql(dr_store *s, const dr_store_options *o)
{
    char id[32] = "", path[PATH_MAX];
    dr_status st = dr_db_postgresql(&s->db, o->url, dr_board_heard, s);
    if (!st)
        st = reach(s);
    if (!st)
        st = read_id(s, id, sizeof id);
    if (!st && !id[0])
        st = dr_fail(DR_EIO, "the database '%s' has no id", s->db->name);
    if (!st)
        st = dr_path_format(path, sizeof path, o->dir, "postgresql-%s", id);
    if (!st && !(s->dir = strdup(path)))
        st = dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = open_folder(s, true);
    return st || o->upgrade ? st : dr_db_postgresql_listen(s->db);
}

dr_status dr_store_open(dr_store **out, const dr_store_options *o)
{
    dr_store_url url;
    *out = NULL;
    dr_status st = dr_store_url_parse(o->url, &url);
    dr_store *s = st ? NULL : calloc(1, sizeof *s);
    if (!s)
        return st ? st : dr_fail(DR_ENOMEM, "out of memory");
    s->lock_fd = -1;
    pthread_mutex_init(&s->files, NULL);
    dr_board_init(&s->board);
    if (o->host)
        snprintf(s->host, sizeof s->host, "%s", o->host);
    else if (gethostname(s->host, sizeof s->host - 1) != 0)
        snprintf(s->host, sizeof s->host, "localhost");
    st = url.postgresql ? open_postgresql(s, o) : open_sqlite(s, o, url.folder);
    if (st) {
        dr_store_close(s);
        return st;
    }
    dr_store_remove_strays(s);
    *out = s;
    return st;
}

void dr_store_close(dr_store *s)
{
    if (!s)
        return;
    if (s->db)
        s->db->driver->close(s->db);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    dr_board_clear(&s->board);
    pthread_mutex_destroy(&s->files);
    free(s->dir);
    free(s);
}

const char *dr_store_dir(const dr_store *s)
{
    return s->dir;
}

const char *dr_store_host(const dr_store *s)
{
    return s->host;
}

bool dr_store_is_shared(const dr_store *s)
{
    return s->db->driver->shared;
}

const char *dr_store_name(const dr_store *s)
{
    return dr_store_is_shared(s) ? s->db->name : s->dir;
}

dr_status dr_store_health(dr_store *s)
{
    dr_status st = s->db->driver->enter(s->db);
    if (st)
        return st;
    st = dr_sql_int(s->db, 0, "SELECT 1", NULL) == 1 ? DR_OK : DR_EIO;
    s->db->driver->leave(s->db);
    return st;
}

void dr_store_train_path(const dr_store *s, int64_t id, const char *rest, char *out, size_t n)
{
    /* the folder's name is bounded: it fits */
    (void)dr_path_format(out, n, s->dir, "train/%lld%s%s", (long long)id, rest[0] ? "/" : "", rest);
}
