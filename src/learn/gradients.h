/* The parameters that are trained together, and their gradients in one flat buffer.
 *
 * dr_backward() adds to `grad` of each parameter; here these lie one behind the other in the order of the tables, so
 * that all of them can be zeroed, or handed on, as one array. */
#ifndef DR_LEARN_GRADIENTS_H
#define DR_LEARN_GRADIENTS_H

#include "nn/params.h"

typedef struct dr_gradients {
    dr_tensor **param; /* [count], of all tables in their order; borrowed tensors */
    size_t count;
    float *flat;   /* [values], or NULL: gradients then lie on the tape, until they are used */
    size_t values; /* of all parameters */
} dr_gradients;

/** Lists the parameters of `n` tables; with `flat` gives them gradients, at zero. */
dr_status dr_gradients_init(dr_gradients *g, dr_params *const *table, int n, bool flat);
/** The parameters, which must still be there, have no gradients then. Safe on a zeroed struct. */
void dr_gradients_clear(dr_gradients *g);
void dr_gradients_zero(dr_gradients *g);

#endif
