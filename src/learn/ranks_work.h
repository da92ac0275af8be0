/* The thread that sends and receives for learn/ranks.h. */
#ifndef DR_LEARN_RANKS_WORK_H
#define DR_LEARN_RANKS_WORK_H

#include "learn/ranks.h"

#include <pthread.h>

typedef enum dr_ranks_stage { DR_RANKS_OPENING, DR_RANKS_OPEN, DR_RANKS_LEAVING, DR_RANKS_OVER } dr_ranks_stage;
typedef enum dr_note_kind { DR_NOTE_BEAT = 1, DR_NOTE_BYE, DR_NOTE_ABORT } dr_note_kind;

/* What ranks tell each other of themselves. */
typedef struct dr_ranks_note {
    int32_t kind, rank, status;
    char host[64], text[756];
} dr_ranks_note;

struct dr_ranks {
    int rank, size;
    dr_ranks_link link;
    dr_ranks_options o;
    double patience;
    char host[64];
    pthread_t thread;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;  /* the thread */
    pthread_cond_t changed;
    dr_ranks_stage stage;
    dr_ranks_job *queue, **tail;
    int waiting; /* callers */
    bool hurry;  /* the user wants to stop */
    bool tell;   /* `own` is to be told */
    dr_ranks_note own;
    bool gone; /* the thread talks no more */
    _Atomic bool aborted;
    dr_status status; /* then */
    char text[1024];

    /* the thread's own */
    dr_ranks_job *active[DR_RANKS_AT_ONCE];
    int actives;
    dr_ranks_note heard, beat; /* the one that is received, the one that is sent */
    dr_ranks_request hearing, beating;
    double last_heard, last_beat;
    bool bye_heard, bye_sent;
    int idle; /* rounds in which nothing happened */
};

void *dr_ranks_work(void *ranks);

#endif
