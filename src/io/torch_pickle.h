/* What PyTorch's pickles are about: storages, and tensors as views of them.
 *
 * The host of io/pickle.h for torch.save's files. It makes storages of persistent ids and tensors of calls of torch's
 * own few constructors, checks sizes, strides and offsets, and takes all else for inert. Where the storages' bytes
 * lie is the file's matter (io/torch_file.c). */
#ifndef DR_IO_TORCH_PICKLE_H
#define DR_IO_TORCH_PICKLE_H

#include "io/torch_names.h"

typedef struct dr_torch_storage {
    dr_pk key;                /* a string */
    const dr_torch_name *cls; /* its element's type */
    int64_t count;            /* of elements */
    size_t bytes;
    const unsigned char *data; /* NULL until the file says */
    struct dr_torch_storage *next;
} dr_torch_storage;

typedef struct dr_torch_tensor {
    dr_torch_storage *storage; /* NULL if unreadable */
    const char *unreadable;    /* what it is, if it is none that we compute with */
    dr_dtype dtype;
    int rank;
    int64_t offset; /* elements */
    size_t bytes;   /* of all elements, were they contiguous */
    int64_t dim[];  /* rank sizes, then rank strides */
} dr_torch_tensor;

typedef struct dr_torch_pickle {
    const char *path;
    size_t file_size;
    bool storages;           /* persistent ids may come: not in the pickles around that of the object */
    dr_torch_storage *first; /* one for every persistent id; keys may come again */
    size_t count;
} dr_torch_pickle;

dr_pickle_host dr_torch_host(dr_torch_pickle *t);

/** All storages sorted by key, those of one key beside each other and agreeing in type and size. malloc'ed and yours.
 */
dr_status dr_torch_storages(const dr_torch_pickle *t, dr_torch_storage ***out);

/** Whether the elements follow each other in memory, in order. */
bool dr_torch_contiguous(const dr_torch_tensor *v);
/** The elements in order to `to`, `v->bytes` of them; the storage's data is known. */
void dr_torch_gather(const dr_torch_tensor *v, unsigned char *to);

#endif
