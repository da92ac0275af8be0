/* Pictures by the hash of their bytes. */
#include "serve/store/store_impl.h"

#include "base/file.h"
#include "base/path.h"
#include "serve/store/ids.h"

#include <dirent.h>
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

dr_status dr_store_put(dr_store *s, dr_blob *b, const void *data, size_t size)
{
    char path[PATH_MAX], folder[PATH_MAX];
    char *hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, size);
    snprintf(b->id, sizeof b->id, "%s", hash);
    g_free(hash);
    b->bytes = (int64_t)size;
    dr_store_blob_path(s, b->id, path, sizeof path);
    dr_store_lock(s); /* nobody removes the file between here and its row */
    dr_status st = DR_OK;
    if (!dr_exists(path)) {
        st = dr_path_folder(folder, sizeof folder, path);
        if (!st)
            st = dr_mkdirs(folder);
        if (!st)
            st = dr_file_write(path, data, size);
    }
    if (!st)
        st = dr_sql_run(s,
                        "INSERT INTO images VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT(id) DO UPDATE SET added=?6, type=?2",
                        "ssiiid", b->id, b->type, (int64_t)b->width, (int64_t)b->height, b->bytes, dr_time());
    dr_store_unlock(s);
    return st;
}

dr_status dr_store_blob(dr_store *s, const char *id, dr_blob *out)
{
    *out = (dr_blob){0};
    dr_store_lock(s);
    sqlite3_stmt *q = dr_sql(s, "SELECT type,width,height,bytes FROM images WHERE id=?", "s", id);
    dr_status st = q ? DR_OK : DR_EIO;
    if (q && sqlite3_step(q) == SQLITE_ROW) {
        snprintf(out->id, sizeof out->id, "%.64s", id);
        snprintf(out->type, sizeof out->type, "%s", (const char *)sqlite3_column_text(q, 0));
        out->width = sqlite3_column_int(q, 1);
        out->height = sqlite3_column_int(q, 2);
        out->bytes = sqlite3_column_int64(q, 3);
    } else if (q) {
        st = dr_fail(DR_ENOENT, "there is no picture '%.64s' here", id);
    }
    sqlite3_finalize(q);
    dr_store_unlock(s);
    return st;
}

dr_status dr_store_refer(dr_store *s, int64_t job, const json_t *value)
{
    const char *key, *text = json_string_value(value);
    json_t *v, *root = (json_t *)(uintptr_t)value;
    size_t i;
    dr_status st = DR_OK;
    if (text && dr_is_image_id(text))
        return dr_sql_run(s, "INSERT OR IGNORE INTO refers VALUES(?,?)", "is", job, text);
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

/* --- removing ----------------------------------------------------------------------------------- */

dr_status dr_store_drop_blobs(dr_store *s, double before)
{
    char path[PATH_MAX];
    dr_store_lock(s);
    sqlite3_stmt *q = dr_sql(
        s, "DELETE FROM images WHERE added<? AND id NOT IN (SELECT image FROM refers) RETURNING id", "d", before);
    while (q && sqlite3_step(q) == SQLITE_ROW) {
        const char *id = (const char *)sqlite3_column_text(q, 0);
        if (!dr_is_image_id(id))
            continue;
        dr_store_blob_path(s, id, path, sizeof path);
        unlink(path);
    }
    dr_status st = q ? dr_sql_end(s, q) : DR_EIO;
    dr_store_unlock(s);
    return st;
}

dr_status dr_store_release(dr_store *s, int64_t job, char (**ids)[65], int *count)
{
    *ids = NULL;
    *count = 0;
    dr_status st = DR_OK;
    sqlite3_stmt *q = dr_sql(s,
                             "DELETE FROM images WHERE id IN (SELECT image FROM refers WHERE job=?1) AND "
                             "id NOT IN (SELECT image FROM refers WHERE job<>?1) RETURNING id",
                             "i", job);
    while (q && !st && sqlite3_step(q) == SQLITE_ROW) {
        char(*more)[65] = realloc(*ids, (size_t)(*count + 1) * sizeof **ids);
        if (more) {
            *ids = more;
            snprintf(more[(*count)++], 65, "%s", (const char *)sqlite3_column_text(q, 0));
        } else {
            st = dr_fail(DR_ENOMEM, "out of memory");
        }
    }
    dr_status end = q ? dr_sql_end(s, q) : DR_EIO;
    st = st ? st : end;
    return st ? st : dr_sql_run(s, "DELETE FROM refers WHERE job=?", "i", job);
}

void dr_store_unlink(dr_store *s, char (*ids)[65], int count)
{
    char path[PATH_MAX];
    dr_store_lock(s);
    for (int i = 0; i < count; i++) {
        /* not one that was uploaded again in between */
        if (!dr_is_image_id(ids[i]) || dr_sql_int(s, 0, "SELECT 1 FROM images WHERE id=?", "s", ids[i]))
            continue;
        dr_store_blob_path(s, ids[i], path, sizeof path);
        unlink(path);
    }
    dr_store_unlock(s);
}

/* Entries of a folder for which `known` has no row. */
static void remove_unknown(dr_store *s, const char *dir, const char *known)
{
    char path[PATH_MAX];
    DIR *d = opendir(dir);
    const struct dirent *f;
    while (d && (f = readdir(d))) {
        if (f->d_name[0] == '.' || dr_sql_int(s, 0, known, "s", f->d_name))
            continue;
        if (!dr_path(path, sizeof path, dir, f->d_name))
            (void)dr_remove_tree(path);
    }
    if (d)
        closedir(d);
}

void dr_store_remove_strays(dr_store *s)
{
    char dir[PATH_MAX];
    for (int i = 0; i < 256; i++) {
        if (!dr_path_format(dir, sizeof dir, s->dir, "blobs/%02x", i))
            remove_unknown(s, dir, "SELECT 1 FROM images WHERE id=?");
    }
    if (!dr_path(dir, sizeof dir, s->dir, "train"))
        remove_unknown(s, dir, "SELECT 1 FROM jobs WHERE id=CAST(? AS INTEGER)");
}
