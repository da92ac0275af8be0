#include "io/tensor_file.h"

#include "io/foreign.h"

#include <stdlib.h>
#include <string.h>

/* 8 bytes of a length that no file reaches, then JSON: its lowest bytes may be those of any other kind of file. */
static bool is_safetensors(const unsigned char *p, size_t size)
{
    return size > 8 && p[8] == '{' && !p[5] && !p[6] && !p[7];
}

/* What a file of any kind has, under the names that they share. */
#define TAKE(f, from)                                                                                                  \
    ((f)->path = (from).path, (f)->entry = (from).entry, (f)->count = (from).count, (f)->meta = (from).meta,           \
     (f)->meta_count = (from).meta_count)

static dr_status parse_safetensors(dr_tensor_file *f, const void *data, size_t size, const char *path)
{
    dr_status st = dr_st_parse(&f->safetensors, data, size, path);
    if (st)
        return st;
    f->kind = DR_TF_SAFETENSORS;
    TAKE(f, f->safetensors);
    return DR_OK;
}

static dr_status parse_torch(dr_tensor_file *f, const void *data, size_t size, const char *path)
{
    dr_status st = dr_torch_parse(&f->torch, data, size, path);
    if (st)
        return st;
    f->kind = dr_is_torch_zip(data, size) ? DR_TF_TORCH_ZIP : DR_TF_TORCH_LEGACY;
    TAKE(f, f->torch);
    return DR_OK;
}

static dr_status parse_gguf(dr_tensor_file *f, const void *data, size_t size, const char *path)
{
    dr_status st = dr_gguf_parse(&f->gguf, data, size, path);
    if (st)
        return st;
    f->kind = DR_TF_GGUF;
    TAKE(f, f->gguf);
    return DR_OK;
}

dr_status dr_tensor_file_parse(dr_tensor_file *f, const void *data, size_t size, const char *path)
{
    *f = (dr_tensor_file){0};
    if (size == 0)
        return dr_fail(DR_EINVAL, "cannot read '%s': the file is empty", path);
    if (is_safetensors(data, size))
        return parse_safetensors(f, data, size, path);
    if (dr_is_torch_zip(data, size) || dr_is_torch_legacy(data, size))
        return parse_torch(f, data, size, path);
    if (dr_is_gguf(data, size))
        return parse_gguf(f, data, size, path);
    dr_status st = dr_check_foreign(data, size, path);
    return st ? st
              : dr_fail(DR_EINVAL,
                        "cannot read '%s': it begins neither as a safetensors file nor as a PyTorch checkpoint or a "
                        "GGUF file; "
                        "it is damaged or another kind of file",
                        path);
}

dr_status dr_tensor_file_open(dr_tensor_file *f, const char *path)
{
    dr_map map;
    *f = (dr_tensor_file){0};
    dr_status st = dr_map_open(&map, path);
    if (st)
        return st;
    st = dr_tensor_file_parse(f, map.data, map.size, path);
    if (st)
        dr_map_close(&map);
    else
        f->map = map;
    return st;
}

void dr_tensor_file_close(dr_tensor_file *f)
{
    dr_st_close(&f->safetensors);
    dr_torch_close(&f->torch);
    dr_gguf_close(&f->gguf);
    dr_map_close(&f->map);
    *f = (dr_tensor_file){0};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const dr_st_entry *)a)->name, ((const dr_st_entry *)b)->name);
}

const dr_st_entry *dr_tensor_file_find(const dr_tensor_file *f, const char *name)
{
    dr_st_entry key = {.name = name};
    return f->count ? bsearch(&key, f->entry, f->count, sizeof key, by_name) : NULL;
}

size_t dr_st_count(const dr_st_entry *e)
{
    return e->size / dr_dtype_size(e->dtype) * dr_dtype_block(e->dtype);
}

void dr_st_values(const dr_st_entry *e, float *out)
{
    uint64_t aligned[1024];
    size_t size = dr_dtype_size(e->dtype), block = dr_dtype_block(e->dtype), some = sizeof aligned / size;
    for (size_t at = 0, n = e->size / size; at < n; at += some) {
        some = n - at < some ? n - at : some;
        memcpy(aligned, (const char *)e->data + at * size, some * size);
        dr_to_f32(aligned, e->dtype, out + at * block, some * block);
    }
}

bool dr_st_aligned(const dr_st_entry *e)
{
    return dr_dtype_block(e->dtype) > 1 || (uintptr_t)e->data % dr_dtype_size(e->dtype) == 0;
}
