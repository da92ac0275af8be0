/* Connecting to PostgreSQL, what it says when something fails, and listening. */
#ifdef DRAPE_POSTGRESQL
#include "serve/store/db_postgresql.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A cut line is noticed within half a minute; the URL may say otherwise, it comes later in the list. */
static const char *const keys[] = {"application_name",
                                   "connect_timeout",
                                   "keepalives_idle",
                                   "keepalives_interval",
                                   "keepalives_count",
                                   "tcp_user_timeout",
                                   "dbname",
                                   "client_encoding",
                                   NULL};

static void be_quiet(void *user, const char *message)
{
    (void)user, (void)message; /* "relation exists already, skipping" */
}

/* The first line of a message, without what libpq puts around it. */
static void first_line(const char *text, char *out, size_t n)
{
    while (*text == ' ' || *text == '\n')
        text++;
    snprintf(out, n, "%.*s", (int)strcspn(text, "\n"), text);
}

PGconn *dr_pg_connect(const dr_pg *d)
{
    const char *const values[] = {"drape", "5", "10", "5", "3", "20000", d->url, "UTF8", NULL};
    char why[512];
    dr_db_try_again = true;
    PGconn *c = d->pq->PQconnectdbParams(keys, values, 1);
    if (!c) {
        dr_fail(DR_ENOMEM, "out of memory");
        return NULL;
    }
    if (d->pq->PQstatus(c) == CONNECTION_OK) {
        d->pq->PQsetNoticeProcessor(c, be_quiet, NULL);
        PGresult *r = d->pq->PQexec(c, "SET search_path TO drape");
        bool good = d->pq->PQresultStatus(r) == PGRES_COMMAND_OK;
        d->pq->PQclear(r);
        if (good && d->pq->PQserverVersion(c) >= 130000)
            return c;
        dr_db_try_again = !good;
        snprintf(why, sizeof why, "it is PostgreSQL %d, 13 or newer is needed", d->pq->PQserverVersion(c) / 10000);
    }
    if (d->pq->PQstatus(c) != CONNECTION_OK)
        first_line(d->pq->PQerrorMessage(c), why, sizeof why);
    d->pq->PQfinish(c);
    dr_fail(DR_EIO, "cannot reach the database '%s': %s", d->db.name, why);
    return NULL;
}

static const char *option(const PQconninfoOption *o, const char *key)
{
    for (; o->keyword; o++)
        if (strcmp(o->keyword, key) == 0)
            return o->val && o->val[0] ? o->val : NULL;
    return NULL;
}

char *dr_pg_shown(const dr_libpq *pq, const char *url)
{
    char *why = NULL, *text = NULL;
    size_t size;
    PQconninfoOption *o = pq->PQconninfoParse(url, &why);
    pq->PQfreemem(why); /* may say parts of the URL, also those of its password */
    if (!o) {
        dr_fail(DR_EINVAL,
                "the URL of the store cannot be read: it is like "
                "postgresql://user@host:5432/database?sslmode=verify-full, with %%XX for special characters");
        return NULL;
    }
    const char *user = option(o, "user"), *host = option(o, "host"), *port = option(o, "port"),
               *name = option(o, "dbname"), *service = option(o, "service");
    FILE *f = open_memstream(&text, &size);
    if (f) {
        fprintf(f, "postgresql://%s%s%s%s%s/%s%s%s", user ? user : "", user ? "@" : "", host ? host : "",
                port ? ":" : "", port ? port : "", name ? name : "", service ? "?service=" : "",
                service ? service : "");
        fclose(f);
    }
    if (!text)
        dr_fail(DR_ENOMEM, "out of memory");
    pq->PQconninfoFree(o);
    return text;
}

/* Failures that are nobody's fault: the line or the server went, or two transactions met. */
static bool passes(const char *state)
{
    static const char *const states[] = {"08", "40", "57P", "53300", "23503", "55P03", "58"};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strncmp(state, states[i], strlen(states[i])) == 0)
            return true;
    return false;
}

dr_status dr_pg_fault(const dr_pg *d, PGconn *c, const PGresult *r)
{
    char why[512];
    const char *state = d->pq->PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = d->pq->PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    bool cut = d->pq->PQstatus(c) != CONNECTION_OK;
    dr_db_try_again = cut || (state && passes(state));
    first_line(text ? text : d->pq->PQerrorMessage(c), why, sizeof why);
    return dr_fail(DR_EIO, "the database '%s' fails: %s", d->db.name, why);
}

/* --- listening -------------------------------------------------------------------------------------- */

/* Waits for the socket (none: for the time) or the end; true at the end. */
static bool wait_for(const dr_pg *d, PGconn *c, int milliseconds)
{
    struct pollfd p[2] = {{d->wake[0], POLLIN, 0}, {c ? d->pq->PQsocket(c) : -1, POLLIN, 0}};
    while (poll(p, 2, milliseconds) < 0 && errno == EINTR)
        continue;
    return p[0].revents != 0;
}

static PGconn *begin_to_listen(const dr_pg *d)
{
    PGconn *c = dr_pg_connect(d);
    PGresult *r = c ? d->pq->PQexec(c, "LISTEN drape") : NULL;
    bool good = d->pq->PQresultStatus(r) == PGRES_COMMAND_OK;
    d->pq->PQclear(r);
    if (c && !good) {
        d->pq->PQfinish(c);
        c = NULL;
    }
    if (c)
        d->heard(d->user, NULL);
    return c;
}

static void hear(const dr_pg *d, PGconn *c)
{
    PGnotify *n;
    while ((n = d->pq->PQnotifies(c)) != NULL) {
        d->heard(d->user, n->extra);
        d->pq->PQfreemem(n);
    }
}

static void *listen_on(void *user)
{
    const dr_pg *d = user;
    PGconn *c = NULL;
    int again = 100; /* milliseconds */
    for (;;) {
        if (!c && (c = begin_to_listen(d)) != NULL)
            again = 100;
        if (wait_for(d, c, c ? 30000 : again))
            break;
        if (!c) {
            again = again < 5000 ? 2 * again : 5000;
            continue;
        }
        if (d->pq->PQconsumeInput(c)) {
            hear(d, c);
        } else {
            d->pq->PQfinish(c);
            c = NULL;
        }
    }
    if (c)
        d->pq->PQfinish(c);
    return NULL;
}

dr_status dr_db_postgresql_listen(dr_db *db)
{
    dr_pg *d = (dr_pg *)db;
    if (pipe(d->wake) != 0)
        return dr_fail(DR_EIO, "cannot make a pipe: %s", strerror(errno));
    fcntl(d->wake[0], F_SETFD, FD_CLOEXEC);
    fcntl(d->wake[1], F_SETFD, FD_CLOEXEC);
    if (pthread_create(&d->thread, NULL, listen_on, d) != 0) {
        close(d->wake[0]);
        close(d->wake[1]);
        return dr_fail(DR_ENOMEM, "cannot start a thread");
    }
    d->listening = true;
    return DR_OK;
}
#else
typedef int dr_postgresql_is_not_here; /* a file of C has something in it */
#endif
