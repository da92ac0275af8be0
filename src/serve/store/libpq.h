/* libpq, PostgreSQL's client library, loaded when a store needs it: drape runs where there is none.
 *
 * Not a module of ours between the two: libpq.so.5 has kept its functions since PostgreSQL 8.2, so that one build works
 * with the libpq of every PostgreSQL that is supported. */
#ifndef DR_SERVE_STORE_LIBPQ_H
#define DR_SERVE_STORE_LIBPQ_H

#include "base/status.h"

#include <libpq-fe.h>

#define DR_LIBPQ_FUNCTIONS(row)                                                                                        \
    row(PQconnectdbParams) row(PQconninfoParse) row(PQconninfoFree) row(PQfinish) row(PQstatus) row(PQerrorMessage)    \
        row(PQexec) row(PQexecParams) row(PQresultStatus) row(PQresultErrorField) row(PQclear) row(PQntuples)          \
            row(PQgetvalue) row(PQgetlength) row(PQgetisnull) row(PQcmdStatus) row(PQsocket) row(PQconsumeInput)       \
                row(PQnotifies) row(PQfreemem) row(PQhost) row(PQport) row(PQuser) row(PQdb) row(PQserverVersion)      \
                    row(PQsetNoticeProcessor)

typedef struct dr_libpq {
#define DR_LIBPQ_MEMBER(name) __typeof__(name) *name;
    DR_LIBPQ_FUNCTIONS(DR_LIBPQ_MEMBER)
#undef DR_LIBPQ_MEMBER
} dr_libpq;

/** The library, the same for all; it stays loaded. DR_EUNSUPPORTED: there is none, or too old a one. */
dr_status dr_libpq_load(const dr_libpq **out);

#endif
