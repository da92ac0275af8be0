/* Statements with their parameters, over any driver. */
#include "serve/store/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Thread_local bool dr_db_try_again;

char *dr_db_words(const char *sql, const char *const (*words)[2])
{
    char *out = NULL;
    size_t size;
    FILE *f = open_memstream(&out, &size);
    while (f && *sql) {
        int i = 0;
        while (words[i][0] && strncmp(sql, words[i][0], strlen(words[i][0])) != 0)
            i++;
        if (words[i][0])
            fputs(words[i][1], f);
        else
            fputc(*sql, f);
        sql += words[i][0] ? strlen(words[i][0]) : 1;
    }
    if (f && fclose(f) == 0)
        return out;
    free(f ? out : NULL);
    dr_fail(DR_ENOMEM, "out of memory");
    return NULL;
}

static dr_rows *ask(dr_db *db, const char *sql, const char *types, va_list ap)
{
    dr_value v[DR_MAX_VALUES];
    int n = 0;
    bool binary = types && *types == '!';
    if (binary)
        types++;
    for (; types && *types; types++, n++) {
        DR_ASSERT(n < DR_MAX_VALUES, "too many parameters: %s", sql);
        v[n] = (dr_value){.type = *types};
        if (*types == 'i')
            v[n].number = va_arg(ap, int64_t);
        else if (*types == 'd')
            v[n].real = va_arg(ap, double);
        else
            v[n].data = va_arg(ap, const void *);
        if (*types == 'b')
            v[n].size = va_arg(ap, size_t);
    }
    return db->driver->query(db, sql, v, n, binary);
}

dr_rows *dr_sql(dr_db *db, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    dr_rows *r = ask(db, sql, types, ap);
    va_end(ap);
    return r;
}

dr_status dr_sql_end(dr_db *db, dr_rows *r)
{
    return r ? db->driver->end(r) : DR_EIO;
}

bool dr_row(dr_db *db, dr_rows *r)
{
    return r && db->driver->step(r);
}

dr_status dr_sql_run(dr_db *db, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    dr_rows *r = ask(db, sql, types, ap);
    va_end(ap);
    (void)dr_row(db, r);
    return dr_sql_end(db, r);
}

dr_status dr_sql_changed(dr_db *db, bool *found, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    dr_rows *r = ask(db, sql, types, ap);
    va_end(ap);
    *found = dr_row(db, r);
    return dr_sql_end(db, r);
}

int64_t dr_sql_int(dr_db *db, int64_t none, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    dr_rows *r = ask(db, sql, types, ap);
    va_end(ap);
    int64_t v = dr_row(db, r) && !db->driver->is_null(r, 0) ? db->driver->number(r, 0) : none;
    (void)dr_sql_end(db, r);
    return v;
}

dr_status dr_sql_script(dr_db *db, const char *sql)
{
    dr_status st = DR_OK;
    while (!st && *sql) {
        size_t n = strcspn(sql, ";");
        char *one = strndup(sql, n);
        st = one ? dr_sql_run(db, one, NULL) : dr_fail(DR_ENOMEM, "out of memory");
        free(one);
        sql += n + (sql[n] == ';');
    }
    return st;
}

void dr_row_text(dr_db *db, const dr_rows *r, int column, char *out, size_t n)
{
    const char *text = db->driver->text(r, column);
    snprintf(out, n, "%s", text ? text : "");
}
