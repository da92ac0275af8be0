/* What the names of classes and functions in PyTorch's pickles stand for here.
 *
 * Names are compared as a whole, module and name, with lists. A few make tensors. Others are inert: published
 * checkpoints have them beside the weights (what Lightning keeps of its callbacks, settings, numpy's numbers), so that
 * they may be named and even "called", which gives an empty thing. Any other name is a fault. */
#ifndef DR_IO_TORCH_NAMES_H
#define DR_IO_TORCH_NAMES_H

#include "io/pickle.h"
#include "tensor/tensor.h"

typedef enum dr_torch_role {
    DR_TN_INERT,
    DR_TN_ORDERED_DICT,
    DR_TN_DEFAULT_DICT,
    DR_TN_PARAMETER_DICT, /* torch.nn's; its parameters are those of its state */
    DR_TN_STORAGE,        /* of `dtype`, `size` bytes an element */
    DR_TN_DTYPE,          /* the same */
    DR_TN_TENSOR,         /* torch._utils._rebuild_tensor, _v2 */
    DR_TN_TENSOR_OF_TYPE, /* torch._utils._rebuild_tensor_v3: with a dtype of its own */
    DR_TN_PARAMETER,      /* its first argument is the tensor */
    DR_TN_FROM_TYPE,      /* function, class, arguments, state */
    DR_TN_OTHER_TENSOR,   /* one that is not read: quantized, sparse */
} dr_torch_role;

typedef struct dr_torch_name {
    const char *module, *name;
    dr_torch_role role;
    dr_dtype dtype; /* DR_DTYPES: one that is not computed with */
    size_t size;
} dr_torch_name;

/** DR_OK and *out, which is static; or DR_EINVAL with a sentence about what the name is for. */
dr_status dr_torch_name_find(const char *path, const dr_pk *module, const dr_pk *name, const dr_torch_name **out);

/** DR_EINVAL with the sentence for files that hold a whole model, an object of this class. */
dr_status dr_torch_whole_model(const char *path, const char *class_name);

#endif
