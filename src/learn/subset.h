/* Some parameters of a model learn while the others stay as they are.
 *
 * The ones that learn leave the model's table for one of their own, which optimizer, average and checkpoints then go by
 * as they would by a whole model's. Tensors stay where they are, so that the model's layers notice nothing. To load and
 * save the model, and to look at all of it, both tables become one for a while. */
#ifndef DR_LEARN_SUBSET_H
#define DR_LEARN_SUBSET_H

#include "nn/params.h"

typedef struct dr_subset {
    dr_params *model; /* the rest, or all of it while joined */
    dr_params learns; /* empty while joined; its entries are of the model's arena */
    dr_param **all;   /* [count], in the model's order */
    bool *picked;     /* [count] */
    size_t count;
    bool joined;
} dr_subset;

/** Takes the parameters for which `picks` says so out of the model's table. */
dr_status dr_subset_take(dr_subset *s, dr_params *model, bool (*picks)(void *user, const dr_param *q), void *user);

/** All parameters are in the model's table, in its order; and apart again. */
void dr_subset_join(dr_subset *s);
void dr_subset_part(dr_subset *s);

/** Joined for good; before the model is unloaded. Safe on a zeroed struct. */
void dr_subset_clear(dr_subset *s);

#endif
