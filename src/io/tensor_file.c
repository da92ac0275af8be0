#include "io/tensor_file.h"

#include <stdlib.h>
#include <string.h>

dr_status dr_tensor_file_parse(dr_tensor_file *f, const void *data, size_t size, const char *path)
{
    *f = (dr_tensor_file){.kind = DR_TF_SAFETENSORS};
    dr_status st = dr_st_parse(&f->safetensors, data, size, path);
    if (st)
        return st;
    f->path = f->safetensors.path;
    f->entry = f->safetensors.entry;
    f->count = f->safetensors.count;
    f->meta = f->safetensors.meta;
    f->meta_count = f->safetensors.meta_count;
    return DR_OK;
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
