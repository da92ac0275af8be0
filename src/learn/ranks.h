/* Several processes that train together, on one machine or on many: ranks, as MPI calls them.
 *
 * A program that was started by itself is alone: rank 0 of 1, and every call returns at once. One that an MPI launcher
 * started finds the others by a module that is loaded then (ranks_link.h), so that nobody else needs an MPI.
 *
 * All that is sent and received goes through a thread of its own, so that it goes on while others compute. Calls of all
 * ranks must match. When one stops, by an error of its own or for good, the calls of all others fail with its
 * sentence. Sums are made in the order of ranks, whatever comes first: the same run gives the same bits. */
#ifndef DR_LEARN_RANKS_H
#define DR_LEARN_RANKS_H

#include "base/status.h"
#include "learn/ranks_link.h"

#include <stdbool.h>

typedef struct dr_ranks dr_ranks; /* NULL is alone */

typedef struct dr_ranks_options {
    bool (*interrupted)(void *user); /* may be NULL; whether the user wants to stop: then ranks that are gone are not
                                        waited for as long */
    void *user;
    double patience; /* seconds without a sign of life; 0: DRAPE_RANKS_PATIENCE, or 10 */
} dr_ranks_options;

/**
 * By the launcher that started this process. *out is NULL where there was none, or it started no other.
 *
 * @return DR_EUNSUPPORTED when a launcher started several and no module can be loaded
 */
dr_status dr_ranks_open(dr_ranks **out, const dr_ranks_options *o);
/** By a link of the caller's. */
dr_status dr_ranks_open_link(dr_ranks **out, const dr_ranks_link *link, const dr_ranks_options *o);
/** Waits for the others, unless one of them failed. Safe on NULL. */
void dr_ranks_close(dr_ranks *r);

int dr_ranks_rank(const dr_ranks *r);
int dr_ranks_size(const dr_ranks *r);

/** Of n numbers, over all ranks, on all ranks. */
dr_status dr_ranks_sum(dr_ranks *r, double *x, size_t n);
/** What `root` has, on all ranks. */
dr_status dr_ranks_broadcast(dr_ranks *r, int root, void *data, size_t size);
/** Until all are here. */
dr_status dr_ranks_barrier(dr_ranks *r);
/** From one rank to another one; the other ranks take no part. */
dr_status dr_ranks_send(dr_ranks *r, int to, const void *data, size_t size);
dr_status dr_ranks_receive(dr_ranks *r, int from, void *data, size_t size);

/** Tells the others that this rank stops with `st` and dr_error(). Returns `st`. What one has heard from another rank
 *  is not told once more. DR_OK, and being alone, are nothing. */
dr_status dr_ranks_abort(dr_ranks *r, dr_status st);
/** Whether one has stopped: what is computed is then for nobody. */
bool dr_ranks_aborted(const dr_ranks *r);

/* --- many at a time, while others compute ------------------------------------------------------------- */

typedef struct dr_ranks_part {
    int rank;
    void *data;
    size_t size;
} dr_ranks_part;

typedef struct dr_ranks_job dr_ranks_job;
struct dr_ranks_job {
    dr_ranks_part *send, *receive;
    int sends, receives;
    int tag; /* from 0; of those at work at the same time no two have the same */
    /* On the ranks' thread, before the first is sent and when all is there; either may be NULL. */
    void (*before)(dr_ranks_job *job), (*after)(dr_ranks_job *job);
    void *owner;

    dr_ranks_request *request; /* [receives + sends], the caller's room */
    int left;                  /* the rest is the ranks' own */
    bool done;
    dr_ranks_job *next;
};

/* At work at once: what they need in between is bounded by that. They begin in the order in which they are started,
 * which is that of all ranks. */
#define DR_RANKS_AT_ONCE 4
#define DR_RANKS_TAGS 30000 /* of jobs; MPI promises 32767 */

/** Begins; all of the job stays where it is until it has been waited for. */
void dr_ranks_start(dr_ranks *r, dr_ranks_job *job);
/** Until it is done. */
dr_status dr_ranks_wait(dr_ranks *r, dr_ranks_job *job);

#endif
