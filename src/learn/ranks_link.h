/* How ranks reach each other: what a module like src/mpi gives, and what stands for one in tests.
 *
 * A module is a shared object that is loaded at run time; so this header is plain C, and includes nothing of ours.
 * All calls but `open` come from the thread that called that. Calls return 0, or -1 with a sentence in `fault`. */
#ifndef DR_LEARN_RANKS_LINK_H
#define DR_LEARN_RANKS_LINK_H

#include <stddef.h>
#include <stdint.h>

#define DR_RANKS_LINK_VERSION 1
#define DR_RANKS_MODULE "dr_ranks_module" /* the function of a module: const dr_ranks_link *(void) */
#define DR_RANKS_ANY (-1)                 /* whoever sends */

typedef uint64_t dr_ranks_request;

typedef struct dr_ranks_link {
    int version;
    const char *name; /* "Open MPI 4.1", for messages */
    void *self;       /* the first argument of the others */
    int (*open)(void *self, int *rank, int *size, char *fault, size_t n);
    /* Both begin; `data` stays where it is until `test` says that it is done. At most 1 GiB. */
    int (*send)(void *self, int to, int tag, const void *data, size_t size, dr_ranks_request *out);
    int (*receive)(void *self, int from, int tag, void *data, size_t size, dr_ranks_request *out);
    int (*test)(void *self, dr_ranks_request *request); /* 1: done, 0: not yet, -1: failed */
    /* `orderly`: everything that was begun is done, here and elsewhere; else nobody else is waited for. */
    void (*close)(void *self, int orderly);
    const char *(*fault)(void *self);
} dr_ranks_link;

typedef const dr_ranks_link *dr_ranks_module(void);

#endif
