/* From the value that a PyTorch file holds to its named tensors. */
#ifndef DR_IO_TORCH_LIST_H
#define DR_IO_TORCH_LIST_H

#include "io/safetensors.h"
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

/** The texts of the dictionary `__metadata__` in `top`, as drape writes them; in memory of `p`, `*bytes` in all.
 * Anything else there is passed over: other programs owe nothing to that name. */
dr_status dr_torch_meta(dr_pickle *p, const dr_pk *top, dr_st_meta **out, size_t *count, size_t *bytes);

#endif
