/* GGUF files, as ggml's programs write them (stable-diffusion.cpp for one): a head of keys and values, a list of
 * tensors, then the tensors' bytes, each at a multiple of the alignment.
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 *
 * The file is hostile until checked: counts, lengths, kinds of values, names, shapes and their products, types, blocks
 * that divide rows, and that tensors lie in the file one behind the other. Every fault is DR_EINVAL with one sentence;
 * what the format has and we do not read (version 1, big-endian files, types such as IQ4_XS) is DR_EUNSUPPORTED.
 * Nothing is decoded here: tensors have the types of the file (tensor/blocks.h) and lie where they are.
 *
 * Axes are told in PyTorch's order, the reverse of ggml's. ggml leaves out axes of 1 in front. */
#ifndef DR_IO_GGUF_H
#define DR_IO_GGUF_H

#include "io/safetensors.h"

typedef struct dr_gguf {
    dr_arena arena;
    dr_st_entry *entry; /* sorted by name */
    size_t count;
    dr_st_meta *meta; /* texts, and numbers as texts; lists are passed over */
    size_t meta_count;
    char *path;
} dr_gguf;

/** Whether it begins as one. */
bool dr_is_gguf(const void *data, size_t size);

/** Over memory of the caller's, which has to outlive `f`; `path` names it in messages. What `f` takes is bounded: 16
 * MiB and twice the names and texts. */
dr_status dr_gguf_parse(dr_gguf *f, const void *data, size_t size, const char *path);
void dr_gguf_close(dr_gguf *f);

/** The number that files have for a type; false for a type that there is none of (BOOL, U8). */
bool dr_gguf_type(dr_dtype dtype, uint32_t *out);

/** Writing: as dr_st_create() and what follows it. Blocks must divide a tensor's last axis (asserted); metadata are
 * written as texts. */
typedef struct dr_gguf_writer {
    dr_out out;
    size_t next, count;
    size_t *size; /* bytes owed per tensor */
    size_t pad;   /* bytes up to the next tensor */
} dr_gguf_writer;
dr_status dr_gguf_create(dr_gguf_writer *w, const char *path, const dr_st_entry *entries, size_t count,
                         const dr_st_meta *meta, size_t meta_count);
dr_status dr_gguf_put_part(dr_gguf_writer *w, const void *data, size_t size);
dr_status dr_gguf_commit(dr_gguf_writer *w);
void dr_gguf_abort(dr_gguf_writer *w);

#endif
