/* Writing a file of named tensors, in the form that its name's ending asks for. */
#ifndef DR_IO_TENSOR_WRITE_H
#define DR_IO_TENSOR_WRITE_H

#include "io/gguf.h"
#include "io/safetensors.h"
#include "io/torch_write.h"

typedef struct dr_tensor_writer {
    bool is_torch, is_gguf;
    dr_st_writer safetensors;
    dr_torch_writer torch;
    dr_gguf_writer gguf;
} dr_tensor_writer;

/** Whether it ends in .safetensors. */
bool dr_named_safetensors(const char *path);
/** Whether it ends in .ckpt, .pt or .pth, PyTorch's. */
bool dr_named_torch(const char *path);
/** Whether it ends in .gguf. */
bool dr_named_gguf(const char *path);

/** As dr_st_create() and what follows it: PyTorch's form or GGUF if the name says so, else safetensors. Blocks
 *  (Q8_0, ...) are for GGUF alone. */
dr_status dr_tensor_create(dr_tensor_writer *w, const char *path, const dr_st_entry *entries, size_t count,
                           const dr_st_meta *meta, size_t meta_count);
dr_status dr_tensor_put_part(dr_tensor_writer *w, const void *data, size_t size);
dr_status dr_tensor_commit(dr_tensor_writer *w);
void dr_tensor_abort(dr_tensor_writer *w);

#endif
