/* Files of this machine that no row knows of (any more): what a server that was killed had still to remove, and copies
 * of what another machine has removed. */
#include "serve/store/store_impl.h"

#include "base/file.h"
#include "base/path.h"

#include <dirent.h>
#include <glib.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define WRITING 3600 /* seconds in which a file that is being written is done */

/* Half a file that another thread, or another worker of this folder, may be about to give its name. */
static bool is_being_written(const char *path)
{
    struct stat f;
    return strstr(dr_path_name(path), ".tmp-") && stat(path, &f) == 0 && f.st_mtime > time(NULL) - WRITING;
}

/* Adds the folder's entries, as paths. */
static void list(const char *dir, GPtrArray *paths)
{
    DIR *d = opendir(dir);
    const struct dirent *f;
    while (d && (f = readdir(d)))
        if (f->d_name[0] != '.')
            g_ptr_array_add(paths, g_strdup_printf("%s/%s", dir, f->d_name));
    if (d)
        closedir(d);
}

/* Removes those whose name is none of the answer's. Nothing, where the database does not answer. */
static void remove_unknown(dr_store *s, const GPtrArray *paths, const char *known)
{
    char name[65];
    dr_rows *r = paths->len ? dr_sql(s->db, known, NULL) : NULL;
    if (!r)
        return;
    GHashTable *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    while (dr_row(s->db, r)) {
        dr_row_text(s->db, r, 0, name, sizeof name);
        g_hash_table_add(set, g_strdup(name));
    }
    if (!dr_sql_end(s->db, r))
        for (guint i = 0; i < paths->len; i++)
            if (!g_hash_table_contains(set, dr_path_name(paths->pdata[i])) && !is_being_written(paths->pdata[i]))
                (void)dr_remove_tree(paths->pdata[i]);
    g_hash_table_destroy(set);
}

/* The files are looked at first: what comes in between has a row when the rows are looked at. */
void dr_store_remove_strays(dr_store *s)
{
    char dir[PATH_MAX];
    if (s->db->driver->enter(s->db))
        return;
    GPtrArray *blobs = g_ptr_array_new_with_free_func(g_free), *trainings = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < 256; i++)
        if (!dr_path_format(dir, sizeof dir, s->dir, "blobs/%02x", i))
            list(dir, blobs);
    if (!dr_path(dir, sizeof dir, s->dir, "train"))
        list(dir, trainings);
    remove_unknown(s, blobs, "SELECT id FROM images");
    /* a garment that was deleted from another machine is a training that is done and taught nothing */
    remove_unknown(s, trainings, "SELECT CAST(id AS TEXT) FROM jobs WHERE garment=1 OR state<>'done'");
    g_ptr_array_free(blobs, TRUE);
    g_ptr_array_free(trainings, TRUE);
    s->db->driver->leave(s->db);
}
