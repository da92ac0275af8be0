/* From one store into another, whichever they are: in one transaction of the target, while nobody else writes in
 * either. Ids stay, so that addresses do. */
#include "serve/store/store_impl.h"

#include "base/file.h"
#include "base/path.h"
#include "serve/store/ids.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Tables that are taken over row by row: their columns and what these are. Pictures are not among them; what belongs
 * to one machine (hashes of its files) or passes (workers, how far jobs are) stays. Those that others refer to come
 * first. */
static const struct table {
    const char *name, *columns, *types;
} tables[] = {
    {"jobs",
     "id,type,state,turn,created,started,ended,garment,error,settings,results,warnings,search,status,quick,rank,"
     "priority,client,ticket,lost,host,adapter",
     "issddddisssssiiiississ"},
    {"refers", "job,image", "is"},
    {"needs", "job,what", "is"},
    {"lines", "job,number,line", "iis"},
    {"speed", "what,seconds", "sd"},
    {"counters", "name,value", "si"},
    {"tokens", "name,sha256,rights,priority,created,used", "sssidd"},
    {"audits", "id,time,client,what,job,detail", "idssis"},
};

/* --- rows -------------------------------------------------------------------------------------------- */

static void value_of(dr_db *db, const dr_rows *r, int i, char type, dr_value *v)
{
    *v = (dr_value){.type = type};
    if (db->driver->is_null(r, i))
        *v = (dr_value){.type = 's'}; /* null of any type */
    else if (type == 'i')
        v->number = db->driver->number(r, i);
    else if (type == 'd')
        v->real = db->driver->real(r, i);
    else
        v->data = db->driver->text(r, i);
}

static dr_status copy_row(dr_db *to, const char *insert, const dr_value *v, int n)
{
    dr_rows *r = to->driver->query(to, insert, v, n, false);
    (void)dr_row(to, r);
    return dr_sql_end(to, r);
}

/* "INSERT INTO t(a,b) VALUES(CAST($1 AS BIGINT),$2)": a null comes as text. */
static void insert_of(const struct table *t, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "INSERT INTO %s(%s) VALUES(", t->name, t->columns);
    for (size_t i = 0; t->types[i]; i++) {
        const char *type = t->types[i] == 'i' ? "BIGINT" : t->types[i] == 'd' ? "DOUBLE PRECISION" : "TEXT";
        n += (size_t)snprintf(out + n, size - n, "%sCAST($%zu AS %s)", i ? "," : "", i + 1, type);
    }
    snprintf(out + n, size - n, ")");
}

static dr_status copy_table(dr_store *from, dr_store *to, const struct table *t, int64_t *count)
{
    char select[512], insert[1536];
    dr_value v[DR_MAX_VALUES];
    int n = (int)strlen(t->types);
    dr_status st = DR_OK;
    snprintf(select, sizeof select, "SELECT %s FROM %s", t->columns, t->name);
    insert_of(t, insert, sizeof insert);
    dr_rows *r = dr_sql(from->db, select, NULL);
    for (*count = 0; !st && dr_row(from->db, r); ++*count) {
        for (int i = 0; i < n; i++)
            value_of(from->db, r, i, t->types[i], &v[i]);
        st = copy_row(to->db, insert, v, n);
    }
    dr_status end = dr_sql_end(from->db, r);
    return st ? st : end;
}

/* Where the target counts its ids by itself: on from here. */
static dr_status set_counters(dr_db *to)
{
    static const char *const counted[] = {"jobs", "audits"};
    char sql[256];
    dr_status st = DR_OK;
    for (size_t i = 0; to->driver->shared && !st && i < 2; i++) {
        snprintf(sql, sizeof sql,
                 "SELECT setval(pg_get_serial_sequence('%s','id'),(SELECT COALESCE(MAX(id),0)+1 FROM %s),false)",
                 counted[i], counted[i]);
        st = dr_sql_run(to, sql, NULL);
    }
    return st;
}

/* --- pictures ---------------------------------------------------------------------------------------- */

static dr_status copy_picture(dr_store *from, dr_store *to, const char *id, double added, dr_copied *c)
{
    char path[PATH_MAX];
    dr_blob b;
    dr_status st = dr_store_blob(from, id, &b);
    if (!st)
        st = dr_store_file(from, id, path, sizeof path);
    if (!st)
        st = dr_store_put_file(to, &b, path);
    if (!st && strcmp(b.id, id) != 0)
        st = dr_fail(DR_EIO, "the picture '%s' is damaged: its hash is %s", path, b.id);
    if (!st)
        st = dr_sql_run(to->db, "UPDATE images SET added=$2 WHERE id=$1", "sd", id, added);
    c->pictures++;
    c->bytes += b.bytes;
    return st;
}

static dr_status copy_pictures(dr_store *from, dr_store *to, dr_copied *c)
{
    char id[65];
    dr_status st = DR_OK;
    dr_rows *r = dr_sql(from->db, "SELECT id,added FROM images ORDER BY id", NULL);
    while (!st && dr_row(from->db, r)) {
        dr_row_text(from->db, r, 0, id, sizeof id);
        st = dr_is_image_id(id)
                 ? copy_picture(from, to, id, from->db->driver->real(r, 1), c)
                 : dr_fail(DR_EIO, "the store '%s' has a picture with the id '%s'", dr_store_name(from), id);
    }
    dr_status end = dr_sql_end(from->db, r);
    return st ? st : end;
}

/* --- what was taught ---------------------------------------------------------------------------------- */

/* A folder with all that is in it, under another name: the same files where the disk has links, else copies. */
static dr_status link_file(const char *from, const char *to)
{
    dr_map m;
    struct stat st;
    if (link(from, to) == 0 || errno == EEXIST)
        return DR_OK;
    if (stat(from, &st) == 0 && st.st_size == 0)
        return dr_file_write(to, "", 0);
    dr_status bad = dr_map_open(&m, from);
    if (bad)
        return bad;
    bad = dr_file_write(to, m.data, m.size);
    dr_map_close(&m);
    return bad;
}

static dr_status keep_adapter(dr_store *to, int64_t id, const char *path, dr_copied *c)
{
    dr_blob b = {.type = "model/safetensors"};
    dr_status st = dr_store_put_file(to, &b, path);
    if (!st)
        st = dr_sql_run(to->db, "UPDATE jobs SET adapter=$2 WHERE id=$1", "is", id, b.id);
    if (!st)
        st = dr_sql_run(to->db, "INSERT INTO refers(job,image) VALUES($1,$2) ON CONFLICT DO NOTHING", "is", id, b.id);
    c->pictures++;
    c->bytes += b.bytes;
    return st;
}

static dr_status link_tree(const char *from, const char *to)
{
    char a[PATH_MAX], b[PATH_MAX];
    const struct dirent *f;
    DIR *d = opendir(from);
    dr_status st = d ? dr_mkdirs(to) : dr_fail(DR_EIO, "cannot read '%s': %s", from, strerror(errno));
    while (!st && (f = readdir(d))) {
        if (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0)
            continue;
        st = dr_path(a, sizeof a, from, f->d_name);
        if (!st)
            st = dr_path(b, sizeof b, to, f->d_name);
        if (!st)
            st = dr_is_dir(a) ? link_tree(a, b) : link_file(a, b);
    }
    if (d)
        closedir(d);
    return st;
}

/* What garment `id` is on this machine, if it is: an adapter goes into the store, a model gets a folder there. */
static dr_status copy_taught(dr_store *from, dr_store *to, int64_t id, dr_copied *c)
{
    char old[PATH_MAX], new[PATH_MAX];
    dr_store_train_path(from, id, "out/pytorch_lora_weights.safetensors", old, sizeof old);
    if (dr_is_file(old))
        return keep_adapter(to, id, old, c);
    dr_store_train_path(from, id, "out", old, sizeof old);
    dr_store_train_path(to, id, "out", new, sizeof new);
    if (!dr_is_dir(old)) /* another machine's, or of a folder of models */
        return DR_OK;
    dr_status st = link_tree(old, new);
    return st ? st : dr_sql_run(to->db, "UPDATE jobs SET host=$2 WHERE id=$1 AND host IS NULL", "is", id, to->host);
}

static dr_status copy_garments(dr_store *from, dr_store *to, dr_copied *c)
{
    dr_status st = DR_OK;
    dr_rows *r = dr_sql(from->db, "SELECT id FROM jobs WHERE garment=1 AND adapter IS NULL ORDER BY id", NULL);
    while (!st && dr_row(from->db, r))
        st = copy_taught(from, to, from->db->driver->number(r, 0), c);
    dr_status end = dr_sql_end(from->db, r);
    return st ? st : end;
}

/* --- all of it ---------------------------------------------------------------------------------------- */

static dr_status may_copy(dr_store *from, dr_store *to)
{
    if (dr_sql_int(from->db, 0, "SELECT COUNT(*) FROM jobs WHERE state='running'", NULL))
        return dr_fail(DR_EINVAL, "jobs run in '%s': end its workers first", dr_store_name(from));
    if (dr_sql_int(to->db, 1, "SELECT (SELECT COUNT(*) FROM jobs)+(SELECT COUNT(*) FROM images)", NULL))
        return dr_fail(DR_EINVAL, "'%s' has jobs or pictures already: only an empty store can be copied into",
                       dr_store_name(to));
    return DR_OK;
}

static dr_status copy_all(dr_store *from, dr_store *to, dr_copied *c)
{
    int64_t counts[sizeof tables / sizeof *tables] = {0};
    dr_status st = may_copy(from, to);
    if (!st)
        st = copy_pictures(from, to, c);
    for (size_t i = 0; !st && i < sizeof tables / sizeof *tables; i++) {
        st = copy_table(from, to, &tables[i], &counts[i]);
        c->jobs = strcmp(tables[i].name, "jobs") == 0 ? counts[i] : c->jobs;
        c->tokens = strcmp(tables[i].name, "tokens") == 0 ? counts[i] : c->tokens;
    }
    if (!st)
        st = copy_garments(from, to, c);
    if (!st)
        st = set_counters(to->db);
    return st || !dr_store_is_shared(to) ? st : dr_say(to, "all", 0);
}

/* Each begin() waits until those who write are through, and lets nobody in before the end. */
static dr_status copy_alone(dr_store *from, dr_store *to, dr_copied *c)
{
    dr_status st = from->db->driver->begin(from->db, true);
    if (st)
        return st;
    st = to->db->driver->begin(to->db, true);
    if (!st) {
        st = copy_all(from, to, c);
        if (st)
            to->db->driver->rollback(to->db);
        else
            st = to->db->driver->commit(to->db);
    }
    from->db->driver->rollback(from->db); /* nothing was changed there */
    return st;
}

dr_status dr_store_copy(dr_store *from, dr_store *to, dr_copied *out)
{
    *out = (dr_copied){0};
    dr_status st = from->db->driver->enter(from->db);
    if (st)
        return st;
    st = to->db->driver->enter(to->db);
    if (!st) {
        st = copy_alone(from, to, out);
        to->db->driver->leave(to->db);
    }
    from->db->driver->leave(from->db);
    return st;
}
