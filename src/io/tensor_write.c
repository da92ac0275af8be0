#include "io/tensor_write.h"

#include "base/path.h"

#include <string.h>

bool dr_named_safetensors(const char *path)
{
    return dr_path_ends_with(path, ".safetensors");
}

bool dr_named_torch(const char *path)
{
    return dr_path_ends_with(path, ".ckpt") || dr_path_ends_with(path, ".pt") || dr_path_ends_with(path, ".pth");
}

bool dr_named_gguf(const char *path)
{
    return dr_path_ends_with(path, ".gguf");
}

dr_status dr_tensor_create(dr_tensor_writer *w, const char *path, const dr_st_entry *entries, size_t count,
                           const dr_st_meta *meta, size_t meta_count)
{
    *w = (dr_tensor_writer){.is_torch = dr_named_torch(path), .is_gguf = dr_named_gguf(path)};
    for (size_t i = 0; i < count; i++)
        DR_ASSERT(w->is_gguf || dr_dtype_block(entries[i].dtype) == 1, "'%s' as %s", entries[i].name,
                  dr_dtype_name(entries[i].dtype));
    return w->is_torch  ? dr_torch_create(&w->torch, path, entries, count, meta, meta_count)
           : w->is_gguf ? dr_gguf_create(&w->gguf, path, entries, count, meta, meta_count)
                        : dr_st_create(&w->safetensors, path, entries, count, meta, meta_count);
}

dr_status dr_tensor_put_part(dr_tensor_writer *w, const void *data, size_t size)
{
    return w->is_torch  ? dr_torch_put_part(&w->torch, data, size)
           : w->is_gguf ? dr_gguf_put_part(&w->gguf, data, size)
                        : dr_st_put_part(&w->safetensors, data, size);
}

dr_status dr_tensor_commit(dr_tensor_writer *w)
{
    return w->is_torch  ? dr_torch_commit(&w->torch)
           : w->is_gguf ? dr_gguf_commit(&w->gguf)
                        : dr_st_commit(&w->safetensors);
}

void dr_tensor_abort(dr_tensor_writer *w)
{
    if (w->is_torch)
        dr_torch_abort(&w->torch);
    else if (w->is_gguf)
        dr_gguf_abort(&w->gguf);
    else
        dr_st_abort(&w->safetensors);
}
