/* Bytes in a database that other machines read: pieces of a megabyte, so that neither side has all of it in memory. */
#include "serve/store/store_impl.h"

#include "base/file.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 20 };

static dr_status put(dr_store *s, const char *id, int64_t number, const void *data, size_t size)
{
    return dr_sql_run(s->db, "INSERT INTO pieces(image,number,data) VALUES($1,$2,$3)", "sib", id, number, data, size);
}

dr_status dr_pieces_put(dr_store *s, const char *id, const void *data, size_t size)
{
    int64_t number = 0;
    dr_status st = DR_OK;
    for (size_t at = 0; !st && at < size; at += PIECE)
        st = put(s, id, number++, (const char *)data + at, size - at < PIECE ? size - at : PIECE);
    return st;
}

dr_status dr_pieces_put_file(dr_store *s, const char *id, const char *path)
{
    FILE *f = fopen(path, "rb");
    char *buffer = malloc(PIECE);
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    int64_t number = 0;
    size_t n;
    dr_status st = !f        ? dr_fail(DR_EIO, "cannot open '%s': %s", path, strerror(errno))
                   : !buffer ? dr_fail(DR_ENOMEM, "out of memory")
                             : DR_OK;
    while (!st && (n = fread(buffer, 1, PIECE, f)) > 0) {
        g_checksum_update(sum, (const guchar *)buffer, (gssize)n);
        st = put(s, id, number++, buffer, n);
    }
    if (!st && (ferror(f) || strcmp(g_checksum_get_string(sum), id) != 0))
        st = dr_fail(DR_EIO, "'%s' changed while it was read", path);
    g_checksum_free(sum);
    free(buffer);
    if (f)
        fclose(f);
    return st;
}

/* All pieces into a file that is open; its hash. */
static dr_status fetch(dr_store *s, const char *id, dr_out *out, GChecksum *sum)
{
    dr_status st = DR_OK;
    for (int64_t number = 0; !st; number++) {
        size_t size;
        dr_rows *r = dr_sql(s->db, "SELECT data FROM pieces WHERE image=$1 AND number=$2", "!si", id, number);
        if (!dr_row(s->db, r))
            return number || !r ? dr_sql_end(s->db, r)
                                : (dr_sql_end(s->db, r), dr_fail(DR_ENOENT, "there is no picture '%.64s' here", id));
        const void *data = s->db->driver->bytes(r, 0, &size);
        g_checksum_update(sum, data, (gssize)size);
        st = dr_out_write(out, data, size);
        dr_status end = dr_sql_end(s->db, r);
        st = st ? st : end;
    }
    return st;
}

dr_status dr_pieces_fetch(dr_store *s, const char *id, const char *path)
{
    dr_out out;
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    dr_status st = dr_out_open(&out, path);
    if (!st) {
        st = fetch(s, id, &out, sum);
        if (!st && strcmp(g_checksum_get_string(sum), id) != 0)
            st = dr_fail(DR_EIO, "the picture '%.64s' is damaged in the database '%s'", id, s->db->name);
        if (!st)
            st = dr_out_commit(&out);
        else
            dr_out_abort(&out);
    }
    g_checksum_free(sum);
    return st;
}
