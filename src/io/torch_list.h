/* From the value that a PyTorch file holds to its named tensors. */
#ifndef DR_IO_TORCH_LIST_H
#define DR_IO_TORCH_LIST_H

#include "io/torch_pickle.h"

typedef struct dr_torch_named {
    const char *name; /* name_size bytes, ended by 0 */
    size_t name_size;
    const dr_torch_tensor *tensor;
} dr_torch_named;

/** The tensors of the dictionary `top`, or of the one under `state_dict` in it, and so on; sorted by name, in memory of
 *  `p`. Where none stands in that dictionary itself, those of dictionaries inside it are taken: "outer.inner". No
 * tensor at all is an error. */
dr_status dr_torch_list(dr_pickle *p, const dr_pk *top, dr_torch_named **out, size_t *count);

#endif
