/* Writing what torch.save writes since PyTorch 1.6 (torch_file.h): {"state_dict": {name: tensor}}, as Lightning has it.
 *
 * The pickle names torch.Tensor's parts and OrderedDict and nothing else, so that `torch.load(weights_only=True)`
 * takes the file, and every storage lies as it is at a multiple of 64 bytes, so that mmap=True does, too. Metadata
 * stands beside the tensors under `__metadata__`, the name that safetensors has for it; programs pass it over. */
#ifndef DR_IO_TORCH_WRITE_H
#define DR_IO_TORCH_WRITE_H

#include "io/safetensors.h"
#include "io/zip_write.h"

typedef struct dr_torch_writer {
    dr_zip_writer zip;
    size_t begun, count; /* tensors */
    size_t *size;        /* [count] bytes */
} dr_torch_writer;

/** As dr_st_create() and what follows it: names, dtypes and shapes first, then all the bytes in the same order; the
 * file appears under its name at commit, complete. Names are UTF-8, each once, or it is DR_EINVAL. */
dr_status dr_torch_create(dr_torch_writer *w, const char *path, const dr_st_entry *entries, size_t count,
                          const dr_st_meta *meta, size_t meta_count);
dr_status dr_torch_put_part(dr_torch_writer *w, const void *data, size_t size);
dr_status dr_torch_commit(dr_torch_writer *w);
void dr_torch_abort(dr_torch_writer *w);

#endif
