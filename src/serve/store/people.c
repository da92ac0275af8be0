/* Clients' tokens, and who did what. */
#include "serve/store/store_impl.h"

#include "serve/store/ids.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- tokens ----------------------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@";
    size_t n = strlen(name);
    return n > 0 && n <= 64 && strspn(name, letters) == n;
}

/* A hash without salt or rounds: the secret is 258 bits of chance, not a word that somebody chose. */
static void hash_secret(const char *secret, char out[65])
{
    char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, secret, -1);
    snprintf(out, 65, "%s", hash);
    g_free(hash);
}

dr_status dr_store_add_token(dr_store *s, const dr_token *t, char secret[64])
{
    char hash[65];
    bool added;
    if (!is_name(t->name))
        return dr_fail(DR_EINVAL, "'%.64s' is no name for a token: 1 to 64 letters, digits, '-', '_', '.', '@'",
                       t->name);
    if (t->priority < -100 || t->priority > 100)
        return dr_fail(DR_EINVAL, "a token's priority is -100 to 100, not %d", t->priority);
    dr_status st = dr_random_text(secret, 43);
    if (st)
        return st;
    hash_secret(secret, hash);
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
        st = dr_sql_changed(s->db, &added,
                            "INSERT INTO tokens(name,sha256,rights,priority,created) VALUES($1,$2,$3,$4,@now) "
                            "ON CONFLICT DO NOTHING RETURNING name",
                            "sssi", t->name, hash, t->rights, (int64_t)t->priority);
        if (!st && !added && /* unless it is this one, and the answer got lost */
            !dr_sql_int(s->db, 0, "SELECT 1 FROM tokens WHERE sha256=$1", "s", hash))
            st = dr_fail(DR_EINVAL, "there is a token '%s' already: remove it, or choose another name", t->name);
    }
    return st;
}

static void read_token(dr_db *db, const dr_rows *r, dr_token *out)
{
    *out = (dr_token){
        .priority = (int)db->driver->number(r, 2), .created = db->driver->real(r, 3), .used = db->driver->real(r, 4)};
    dr_row_text(db, r, 0, out->name, sizeof out->name);
    dr_row_text(db, r, 1, out->rights, sizeof out->rights);
}

dr_status dr_store_token(dr_store *s, const char *secret, dr_token *out)
{
    char hash[65];
    bool found = false;
    dr_status st;
    hash_secret(secret, hash);
    *out = (dr_token){0};
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);) {
        dr_rows *r = dr_sql(s->db, "SELECT name,rights,priority,created,used FROM tokens WHERE sha256=$1", "s", hash);
        found = dr_row(s->db, r);
        if (found)
            read_token(s->db, r, out);
        st = dr_sql_end(s->db, r);
    }
    if (st || !found)
        return st ? st : dr_fail(DR_ENOENT, "the token is nobody's");
    if (dr_time() - out->used > 60) /* not a write for every request */
        for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);)
            st = dr_sql_run(s->db, "UPDATE tokens SET used=@now WHERE name=$1", "s", out->name);
    return st;
}

dr_status dr_store_remove_token(dr_store *s, const char *name)
{
    bool found = false;
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
        st = dr_sql_changed(s->db, &found, "DELETE FROM tokens WHERE name=$1 RETURNING name", "s", name);
        if (!st && !found && a.tries == 0)
            st = dr_fail(DR_ENOENT, "there is no token '%.64s'", name);
    }
    return st;
}

dr_status dr_store_tokens(dr_store *s, dr_token **out, int *count)
{
    dr_status st;
    *out = NULL;
    *count = 0;
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);) {
        *count = 0;
        dr_rows *r = dr_sql(s->db, "SELECT name,rights,priority,created,used FROM tokens ORDER BY name", NULL);
        while (!st && dr_row(s->db, r)) {
            dr_token *more = realloc(*out, (size_t)(*count + 1) * sizeof *more);
            if (!more) {
                st = dr_fail(DR_ENOMEM, "out of memory");
                break;
            }
            *out = more;
            read_token(s->db, r, &more[(*count)++]);
        }
        dr_status end = dr_sql_end(s->db, r);
        st = st ? st : end;
    }
    return st;
}

/* --- who did what ----------------------------------------------------------------------------------- */

dr_status dr_store_audit(dr_store *s, const char *client, const char *what, int64_t job, const char *detail)
{
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);)
        st = dr_sql_run(s->db, "INSERT INTO audits(time,client,what,job,detail) VALUES(@now,$1,$2,$3,$4)", "ssis",
                        client ? client : "", what, job, detail ? detail : "");
    return st;
}

dr_status dr_store_audits(dr_store *s, int64_t before, int limit, json_t **out)
{
    const dr_driver *d = s->db->driver;
    dr_status st;
    *out = json_array();
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);) {
        json_array_clear(*out);
        dr_rows *r =
            dr_sql(s->db, "SELECT id,time,client,what,job,detail FROM audits WHERE id<$1 ORDER BY id DESC LIMIT $2",
                   "ii", before > 0 ? before : INT64_MAX, (int64_t)limit);
        while (dr_row(s->db, r))
            json_array_append_new(*out, json_pack("{s:I, s:f, s:s, s:s, s:I, s:s?}", "id", (json_int_t)d->number(r, 0),
                                                  "time", d->real(r, 1), "client", d->text(r, 2), "what", d->text(r, 3),
                                                  "job", (json_int_t)d->number(r, 4), "detail", d->text(r, 5)));
        st = dr_sql_end(s->db, r);
    }
    if (st) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}
