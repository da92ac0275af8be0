/* The HTTP side: connections, requests on their way, and the threads behind them. Over libmicrohttpd.
 *
 * Threads of libmicrohttpd serve connections and never wait for anything long: a request that decodes or reckons is
 * suspended and goes to two threads of ours, one that waits for a job is suspended until the job is over, and a stream
 * of events is suspended until there is an event. */
#ifndef DR_SERVE_HTTP_EXCHANGE_H
#define DR_SERVE_HTTP_EXCHANGE_H

#include "serve/http/counts.h"
#include "serve/http/events.h"
#include "serve/http/guard.h"
#include "serve/http/limits.h"
#include "serve/http/routes.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

enum { DR_TASK_THREADS = 2, DR_IDLE_SECONDS = 60 };

typedef struct dr_exchange dr_exchange;
typedef struct dr_link dr_link;

/* What the server stands between. Jobs are numbers here: nothing in this room knows what they are. */
typedef struct dr_server_options {
    const char *host;  /* address or name to listen at */
    int port;          /* 0: any that is free */
    const char *token; /* NULL: none for all; without clients' own ones either, only this machine may ask */
    /* Tokens of clients, see dr_guard; may be NULL. They get `studio`. */
    bool (*has_clients)(void *studio);
    bool (*client)(void *studio, const char *token, dr_caller *who);
    bool open;           /* it tells nothing that others may not know: they may reach it without a token */
    const char *proxies; /* addresses that speak for others, with commas; NULL: none */
    const char *origins; /* of other sites' pages that may ask, see dr_guard; NULL: none */
    int threads;         /* to compute with, in what our own threads do */
    const dr_route *routes;
    bool page;         /* what is no route is looked for among the page's files */
    dr_studio *studio; /* that handlers get */
    dr_events *events;
    /** What a new listener of a route's events hears first, malloc'ed; *job is the one it listens to, 0 for all. */
    char *(*first)(dr_studio *s, const dr_request *r, int64_t *job);
    bool (*is_over)(dr_studio *s, int64_t job);
    dr_http_counts *counts;
} dr_server_options;

typedef struct dr_server {
    const dr_server_options *o;
    struct MHD_Daemon *daemon;
    dr_guard guard;
    dr_limits limits;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t task;
    dr_exchange *first_task, *last_task, *waiting; /* waiting: for the end of a job */
    dr_link *links;
    atomic_bool closing;
    pthread_t thread[DR_TASK_THREADS];
    int threads;
} dr_server;

/* One connection. */
struct dr_link {
    int fd;
    bool busy; /* a request's headers are here and its answer is not sent yet */
    double since;
    dr_link *previous, *next;
};

/* One request. */
struct dr_exchange {
    dr_server *server;
    struct MHD_Connection *connection;
    const dr_route *route;
    dr_request r;
    char *body;
    size_t size, room;
    double began;
    bool entered, handed, ready; /* counted in the limits; given to other threads; its answer is complete */
    bool finishing;              /* a waited-for job is over */
    dr_exchange *next;
};

/** Starts listening and the threads. `o` stays the caller's and must outlive the server. */
dr_status dr_server_start(dr_server *v, const dr_server_options *o);
/** Ends every stream and every wait, then the daemon. No job runs any more. */
void dr_server_stop(dr_server *v);

/** Cuts connections that have not sent a whole request header in time. Called about once a second. */
void dr_server_reap(dr_server *v);

/* --- tasks -------------------------------------------------------------------------------------- */

/** The threads that do what takes long. Stopping them lets go of every request that waits for a job. */
dr_status dr_tasks_start(dr_server *v);
void dr_tasks_close(dr_server *v);
void dr_tasks_join(dr_server *v);

/** Gives a request to the threads. False when the server is closing. The connection is suspended by this. */
bool dr_exchange_hand_over(dr_exchange *x);

/** A job is over: requests that wait for it are answered. Any thread. */
void dr_server_job_over(dr_server *v, int64_t job);
/** The same for every job that is waited for and is over: its end may have been missed. */
void dr_server_look_again(dr_server *v);

/* --- replies ------------------------------------------------------------------------------------ */

/** True for a browser's question whether a page of another site may send the request that it has in mind. */
bool dr_exchange_is_preflight(const dr_exchange *x);

/** Sends r.answer. */
enum MHD_Result dr_exchange_send(dr_exchange *x);
/** A stream of events. */
enum MHD_Result dr_exchange_stream(dr_exchange *x);

/* --- libmicrohttpd's callbacks ------------------------------------------------------------------- */

enum MHD_Result dr_exchange_handle(void *server, struct MHD_Connection *c, const char *url, const char *method,
                                   const char *version, const char *data, size_t *size, void **exchange);
void dr_exchange_done(void *server, struct MHD_Connection *c, void **exchange, enum MHD_RequestTerminationCode code);

#endif
