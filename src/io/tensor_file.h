/* A file of named tensors, whatever its form: safetensors, what torch.save wrote, or GGUF.
 *
 * The form is told by the file's content, never by its name's extension, and what is no such file is called what it is
 * (a web page, a git-lfs pointer, a picture). Files are hostile until checked: every fault is DR_EINVAL with one
 * sentence; what the format has and we do not compute with is DR_EUNSUPPORTED. Nothing in a file is ever executed. */
#ifndef DR_IO_TENSOR_FILE_H
#define DR_IO_TENSOR_FILE_H

#include "io/gguf.h"
#include "io/safetensors.h"
#include "io/torch_file.h"

typedef enum dr_tensor_file_kind {
    DR_TF_SAFETENSORS,
    DR_TF_TORCH_ZIP,
    DR_TF_TORCH_LEGACY,
    DR_TF_GGUF
} dr_tensor_file_kind;

typedef struct dr_tensor_file {
    dr_tensor_file_kind kind;
    const char *path;
    const dr_st_entry *entry; /* sorted by name; valid while the file is open */
    size_t count;
    const dr_st_meta *meta; /* `__metadata__`; torch's files have it from drape, GGUF its keys */
    size_t meta_count;

    /* private */
    dr_map map;
    dr_safetensors safetensors;
    dr_torch_file torch;
    dr_gguf gguf;
} dr_tensor_file;

/** Torch's tensors that are contiguous lie in the mapping; others are gathered into f's memory, which takes at most
 * twice the file and a few MiB. Of a dictionary with `state_dict` in it that one's tensors are listed. */
dr_status dr_tensor_file_open(dr_tensor_file *f, const char *path);
/** The same over memory of the caller's, which has to outlive `f`; `path` names it in messages. */
dr_status dr_tensor_file_parse(dr_tensor_file *f, const void *data, size_t size, const char *path);
void dr_tensor_file_close(dr_tensor_file *f);
/** The tensor of that name, or NULL. */
const dr_st_entry *dr_tensor_file_find(const dr_tensor_file *f, const char *name);

/** How many values a tensor has, and they as f32, wherever it lies; of a type that dr_to_f32() takes. */
size_t dr_st_count(const dr_st_entry *e);
void dr_st_values(const dr_st_entry *e, float *out);
/** Whether its values may be read where they lie; blocks may anywhere. */
bool dr_st_aligned(const dr_st_entry *e);

#endif
