/* MPI as a way for ranks to reach each other (learn/ranks_link.h), for whatever MPI the module is built with.
 *
 * One thread makes all calls, the one that began: MPI_THREAD_FUNNELED is all that is asked for. */
#include "learn/ranks_link.h"

#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <string.h>

_Static_assert(sizeof(MPI_Request) <= sizeof(dr_ranks_request), "a request has room");

static MPI_Comm comm = MPI_COMM_NULL; /* ours alone */
static char said[MPI_MAX_ERROR_STRING + 64];

static int check(int code)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int n;
    if (code == MPI_SUCCESS)
        return 0;
    MPI_Error_string(code, text, &n);
    snprintf(said, sizeof said, "%s", text);
    return -1;
}

static int give(MPI_Request r, dr_ranks_request *out)
{
    *out = 0;
    memcpy(out, &r, sizeof r);
    return 0;
}

static int mpi_open(void *self, int *rank, int *size, char *fault, size_t n)
{
    int provided = 0, bad;
    (void)self;
    bad = check(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided));
    if (!bad && provided < MPI_THREAD_FUNNELED) {
        snprintf(said, sizeof said, "this MPI was built without threads");
        bad = -1;
    }
    bad = bad ? bad : check(MPI_Comm_dup(MPI_COMM_WORLD, &comm));
    bad = bad ? bad : check(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN));
    bad = bad ? bad : check(MPI_Comm_rank(comm, rank));
    bad = bad ? bad : check(MPI_Comm_size(comm, size));
    if (bad)
        snprintf(fault, n, "%s", said);
    return bad;
}

static int mpi_send(void *self, int to, int tag, const void *data, size_t size, dr_ranks_request *out)
{
    MPI_Request r;
    (void)self;
    return size > INT_MAX || check(MPI_Isend(data, (int)size, MPI_BYTE, to, tag, comm, &r)) ? -1 : give(r, out);
}

static int mpi_receive(void *self, int from, int tag, void *data, size_t size, dr_ranks_request *out)
{
    MPI_Request r;
    (void)self;
    if (from == DR_RANKS_ANY)
        from = MPI_ANY_SOURCE;
    return size > INT_MAX || check(MPI_Irecv(data, (int)size, MPI_BYTE, from, tag, comm, &r)) ? -1 : give(r, out);
}

static int mpi_test(void *self, dr_ranks_request *request)
{
    MPI_Request r;
    int done = 0;
    (void)self;
    memcpy(&r, request, sizeof r);
    if (check(MPI_Test(&r, &done, MPI_STATUS_IGNORE)))
        return -1;
    if (!done)
        memcpy(request, &r, sizeof r);
    return done;
}

/* After a failure MPI_Finalize would wait for whoever is gone: the process ends without, and its launcher sees that. */
static void mpi_close(void *self, int orderly)
{
    (void)self;
    if (!orderly)
        return;
    /* MPICH before 4.2 over UCX: a rank that is far ahead waits in MPI_Finalize for all others and answers none of
     * them, who wait for its answer. */
    MPI_Barrier(comm);
    MPI_Comm_free(&comm);
    MPI_Finalize();
}

static const char *mpi_fault(void *self)
{
    (void)self;
    return said;
}

__attribute__((visibility("default"))) dr_ranks_module dr_ranks_module_mpi __asm__(DR_RANKS_MODULE);

const dr_ranks_link *dr_ranks_module_mpi(void)
{
    static char name[MPI_MAX_LIBRARY_VERSION_STRING];
    static dr_ranks_link link = {.version = DR_RANKS_LINK_VERSION,
                                 .name = name,
                                 .open = mpi_open,
                                 .send = mpi_send,
                                 .receive = mpi_receive,
                                 .test = mpi_test,
                                 .close = mpi_close,
                                 .fault = mpi_fault};
    int n;
    MPI_Get_library_version(name, &n);
    name[strcspn(name, ",\n")] = 0; /* "Open MPI v4.1.4, package: ..." */
    return &link;
}
