/* What travels between ranks at once: for every rank a few of its values of one bucket (learn/exchange.h). */
#ifndef DR_LEARN_EXCHANGE_PIECE_H
#define DR_LEARN_EXCHANGE_PIECE_H

#include "learn/gradients.h"
#include "learn/ranks.h"

typedef enum dr_piece_kind { DR_PIECE_GRADIENT, DR_PIECE_WEIGHT } dr_piece_kind;

/* Room on the host for one piece on its way. */
typedef struct dr_piece_slot {
    void *out, *in;
    bool taken;
} dr_piece_slot;

typedef struct dr_pieces {
    dr_ranks *ranks;
    const dr_gradients *g;
    bool bf16;
    size_t *start;            /* [parameters + 1]: where each begins in the flat array */
    const dr_tensor **sorted; /* parameters by address, and */
    size_t *index;            /* their numbers */
    dr_piece_slot slot[DR_RANKS_AT_ONCE];
} dr_pieces;

typedef struct dr_piece {
    dr_ranks_job job;
    dr_pieces *all;
    dr_piece_kind kind;
    dr_piece_slot *slot;
    size_t *from, *n; /* [ranks]: of the flat array, what is each rank's */
    dr_ranks_part *part;
} dr_piece;

dr_status dr_pieces_init(dr_pieces *p, dr_ranks *ranks, const dr_gradients *g, bool bf16);
void dr_pieces_clear(dr_pieces *p);

/** Where rank's share of [from, to) of the flat array begins. */
size_t dr_pieces_share(const dr_pieces *p, size_t from, size_t to, int rank);
/** [from, to) in as many pieces as it takes; tags are counted on. */
dr_status dr_pieces_cut(dr_pieces *p, size_t from, size_t to, int *tag, dr_piece **out, int *count);
void dr_pieces_free(dr_piece *piece, int count);
/** The number of a parameter; SIZE_MAX for others. */
size_t dr_pieces_index(const dr_pieces *p, const dr_tensor *t);

/** Gradients: each rank's share of all ranks is summed up there. Weights: each rank's share goes to all others. */
void dr_piece_start(dr_piece *piece, dr_piece_kind kind);

/** Bytes of a slot, at most. */
size_t dr_piece_room(void);

#endif
