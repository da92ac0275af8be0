/* What torch.save writes: .ckpt, .pt, .pth, .bin.
 *
 * Two formats. Since PyTorch 1.6 a zip archive: FOLDER/data.pkl is the pickle, FOLDER/data/KEY are the storages, not
 * compressed. Before, five pickles (magic number, protocol, system, the object, the storages' keys), then for every key
 * a count and the bytes. The pickle is a dictionary of tensors, or Lightning's with one under `state_dict`.
 *
 * Details that have caused bugs: a storage is shared by several tensors (tied weights, views); the old format's counts
 * are of elements and not of bytes; the third pickle of the old format, which readers like to skip, is executed as well
 * by those that do execute. */
#ifndef DR_IO_TORCH_FILE_H
#define DR_IO_TORCH_FILE_H

#include "io/safetensors.h"

typedef struct dr_torch_file {
    dr_arena arena;
    dr_st_entry *entry; /* sorted by name */
    size_t count;
    dr_st_meta *meta; /* of the files that drape writes (torch_write.h) */
    size_t meta_count;
    const char *path;
} dr_torch_file;

bool dr_is_torch_zip(const void *data, size_t size);
bool dr_is_torch_legacy(const void *data, size_t size);

/** `data` has to outlive `f`: contiguous tensors lie there, others in f's memory, of which all of f takes at most twice
 *  `size` and a few MiB. */
dr_status dr_torch_parse(dr_torch_file *f, const void *data, size_t size, const char *path);
void dr_torch_close(dr_torch_file *f);

#endif
