/* Pictures and other files by the hash of their bytes. */
#include "serve/store/store_impl.h"

#include "base/file.h"
#include "base/path.h"
#include "serve/store/ids.h"

#include <errno.h>
#include <glib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void dr_store_blob_path(const dr_store *s, const char *id, char *out, size_t n)
{
    DR_ASSERT(dr_is_image_id(id), "'%.80s' is no picture's id", id);
    (void)dr_path_format(out, n, s->dir, "blobs/%.2s/%s", id, id); /* the folder's name is bounded: it fits */
}

/* --- keeping ---------------------------------------------------------------------------------------- */

/* The row; whoever has it keeps others from adding or dropping the bytes until the transaction is through. */
static dr_status add_row(dr_store *s, const dr_blob *b)
{
    return dr_sql_run(s->db,
                      "INSERT INTO images(id,type,width,height,bytes,added) VALUES($1,$2,$3,$4,$5,@now) "
                      "ON CONFLICT(id) DO UPDATE SET added=excluded.added, type=excluded.type",
                      "ssiii", b->id, b->type, (int64_t)b->width, (int64_t)b->height, b->bytes);
}

/* A file beside SQLite's: `data`, or the same file under another name, or a copy. */
static dr_status add_file(dr_store *s, const dr_blob *b, const void *data, const char *from)
{
    char path[PATH_MAX], folder[PATH_MAX];
    dr_store_blob_path(s, b->id, path, sizeof path);
    if (dr_exists(path))
        return DR_OK;
    dr_status st = dr_path_folder(folder, sizeof folder, path);
    if (!st)
        st = dr_mkdirs(folder);
    if (st || !from)
        return st ? st : dr_file_write(path, data, (size_t)b->bytes);
    dr_map m;
    st = dr_map_open(&m, from);
    if (!st) {
        st = dr_file_write(path, m.data, m.size);
        dr_map_close(&m);
    }
    return st;
}

static dr_status add_bytes(dr_store *s, const dr_blob *b, const void *data, const char *from)
{
    if (!dr_store_is_shared(s))
        return add_file(s, b, data, from);
    if (dr_sql_int(s->db, 0, "SELECT 1 FROM pieces WHERE image=$1 LIMIT 1", "s", b->id))
        return DR_OK;
    return from ? dr_pieces_put_file(s, b->id, from) : dr_pieces_put(s, b->id, data, (size_t)b->bytes);
}

static dr_status keep(dr_store *s, const dr_blob *b, const void *data, const char *from)
{
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
        st = add_row(s, b);
        if (!st)
            st = add_bytes(s, b, data, from);
    }
    return st;
}

dr_status dr_store_put(dr_store *s, dr_blob *b, const void *data, size_t size)
{
    char *hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, size);
    snprintf(b->id, sizeof b->id, "%s", hash);
    g_free(hash);
    b->bytes = (int64_t)size;
    return keep(s, b, data, NULL);
}

/* The hash of a file that may be larger than memory, and its size. */
static dr_status hash_file(const char *path, dr_blob *b)
{
    static const size_t room = 1 << 20;
    FILE *f = fopen(path, "rb");
    char *buffer = malloc(room);
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    size_t n;
    dr_status st = !f ? dr_fail(errno == ENOENT ? DR_ENOENT : DR_EIO, "cannot open '%s': %s", path, strerror(errno))
                   : !buffer ? dr_fail(DR_ENOMEM, "out of memory")
                             : DR_OK;
    b->bytes = 0;
    while (!st && (n = fread(buffer, 1, room, f)) > 0) {
        g_checksum_update(sum, (const guchar *)buffer, (gssize)n);
        b->bytes += (int64_t)n;
    }
    if (!st && ferror(f))
        st = dr_fail(DR_EIO, "cannot read '%s': %s", path, strerror(errno));
    snprintf(b->id, sizeof b->id, "%s", g_checksum_get_string(sum));
    g_checksum_free(sum);
    free(buffer);
    if (f)
        fclose(f);
    return st;
}

dr_status dr_store_put_file(dr_store *s, dr_blob *b, const char *path)
{
    dr_status st = hash_file(path, b);
    return st ? st : keep(s, b, NULL, path);
}

/* --- finding ---------------------------------------------------------------------------------------- */

dr_status dr_store_blob(dr_store *s, const char *id, dr_blob *out)
{
    dr_status st;
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);) {
        *out = (dr_blob){0};
        dr_rows *r = dr_sql(s->db, "SELECT type,width,height,bytes FROM images WHERE id=$1", "s", id);
        bool found = dr_row(s->db, r);
        if (found) {
            snprintf(out->id, sizeof out->id, "%.64s", id);
            dr_row_text(s->db, r, 0, out->type, sizeof out->type);
            out->width = (int)s->db->driver->number(r, 1);
            out->height = (int)s->db->driver->number(r, 2);
            out->bytes = s->db->driver->number(r, 3);
        }
        st = dr_sql_end(s->db, r);
        if (!st && !found)
            st = dr_fail(DR_ENOENT, "there is no picture '%.64s' here", id);
    }
    return st;
}

dr_status dr_store_file(dr_store *s, const char *id, char *path, size_t n)
{
    char folder[PATH_MAX];
    dr_store_blob_path(s, id, path, n);
    if (dr_exists(path))
        return DR_OK;
    if (!dr_store_is_shared(s))
        return dr_fail(DR_ENOENT, "there is no picture '%.64s' here", id);
    dr_status st = dr_path_folder(folder, sizeof folder, path);
    if (!st)
        st = dr_mkdirs(folder);
    if (!st)
        for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);)
            st = dr_pieces_fetch(s, id, path);
    return st;
}

dr_status dr_store_refer(dr_store *s, int64_t job, const json_t *value)
{
    const char *key, *text = json_string_value(value);
    json_t *v, *root = (json_t *)(uintptr_t)value;
    size_t i;
    dr_status st = DR_OK;
    if (text && dr_is_image_id(text)) /* what looks like a picture and is none is no reference */
        return dr_sql_run(s->db,
                          "INSERT INTO refers(job,image) SELECT $1,id FROM images WHERE id=$2 ON CONFLICT DO NOTHING",
                          "is", job, text);
    json_object_foreach(root, key, v)
    {
        if (!st)
            st = dr_store_refer(s, job, v);
    }
    json_array_foreach(root, i, v)
    {
        if (!st)
            st = dr_store_refer(s, job, v);
    }
    return st;
}

/* --- removing --------------------------------------------------------------------------------------- */

dr_status dr_store_let_go(dr_store *s, int64_t job, const char *image, bool *dropped)
{
    dr_status st = dr_sql_run(s->db, "DELETE FROM refers WHERE job=$1 AND image=$2", "is", job, image);
    return st ? st
              : dr_sql_changed(s->db, dropped,
                               "DELETE FROM images WHERE id=$1 AND NOT EXISTS (SELECT 1 FROM refers WHERE image=$1) "
                               "RETURNING id",
                               "s", image);
}

/* Ids of an answer, which it ends, malloc'ed. */
static dr_status ids_of(dr_db *db, dr_rows *r, char (**ids)[65], int *count)
{
    dr_status st = DR_OK;
    *ids = NULL;
    *count = 0;
    while (!st && dr_row(db, r)) {
        char(*more)[65] = realloc(*ids, (size_t)(*count + 1) * sizeof **ids);
        if (!more) {
            st = dr_fail(DR_ENOMEM, "out of memory");
            break;
        }
        *ids = more;
        dr_row_text(db, r, 0, more[(*count)++], 65);
    }
    dr_status end = dr_sql_end(db, r);
    return st ? st : end;
}

dr_status dr_store_release(dr_store *s, int64_t job, char (**ids)[65], int *count)
{
    int all;
    /* in order, so that two that do the same wait for each other and not in a circle */
    dr_status st =
        ids_of(s->db, dr_sql(s->db, "SELECT image FROM refers WHERE job=$1 ORDER BY image", "i", job), ids, &all);
    *count = 0;
    for (int i = 0; !st && i < all; i++) {
        bool dropped;
        st = dr_store_let_go(s, job, (*ids)[i], &dropped);
        if (!st && dropped)
            memmove((*ids)[(*count)++], (*ids)[i], sizeof **ids);
    }
    return st;
}

void dr_store_unlink(dr_store *s, char (*ids)[65], int count)
{
    char path[PATH_MAX];
    if (s->db->driver->enter(s->db))
        return;
    for (int i = 0; i < count; i++) {
        /* not one that was uploaded again in between */
        if (!dr_is_image_id(ids[i]) || dr_sql_int(s->db, 1, "SELECT COUNT(*) FROM images WHERE id=$1", "s", ids[i]))
            continue;
        dr_store_blob_path(s, ids[i], path, sizeof path);
        unlink(path);
    }
    s->db->driver->leave(s->db);
}

dr_status dr_store_drop_blobs(dr_store *s, double seconds)
{
    char(*ids)[65] = NULL;
    int count = 0;
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
        free(ids);
        st = ids_of(s->db,
                    dr_sql(s->db,
                           "DELETE FROM images WHERE added<@now-$1 AND id NOT IN (SELECT image FROM refers) "
                           "RETURNING id",
                           "d", seconds),
                    &ids, &count);
    }
    if (!st)
        dr_store_unlink(s, ids, count);
    free(ids);
    return st;
}
