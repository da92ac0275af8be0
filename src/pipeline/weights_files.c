/* A folder's weight files: which of those that lie there, opened as one list of tensors; and those of somebody else. */
#include "pipeline/weights.h"

#include "base/json.h"
#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more file and its tensors. */
static dr_status grow(dr_weights *w, const char *path)
{
    dr_tensors *list = realloc(w->list, (w->count + 1) * sizeof *list);
    if (list)
        w->list = list;
    dr_tensor_file **file = realloc(w->file, (w->count + 1) * sizeof *file);
    if (file)
        w->file = file;
    return list && file ? DR_OK : dr_fail(DR_ENOMEM, "out of memory loading '%s'", path);
}

static dr_status add_file(dr_weights *w, const char *path)
{
    dr_status st = grow(w, path);
    dr_tensor_file *f = st ? NULL : malloc(sizeof *f);
    if (!f)
        return st ? st : dr_fail(DR_ENOMEM, "out of memory loading '%s'", path);
    st = dr_tensor_file_open(f, path);
    if (st) {
        free(f);
        return st;
    }
    w->file[w->count] = f;
    w->list[w->count++] = (dr_tensors){f->entry, f->count, f->path};
    w->pickled = w->pickled || f->kind != DR_TF_SAFETENSORS || !dr_path_ends_with(path, ".safetensors");
    return DR_OK;
}

static bool have_file(const dr_weights *w, const char *path)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->list[i].path, path) == 0)
            return true;
    return false;
}

/* NAME.safetensors.index.json: {"weight_map": {tensor: file}}; the files lie beside it. */
static dr_status add_shards(dr_weights *w, const char *dir, const char *index)
{
    json_t *j, *file;
    const char *tensor;
    dr_status st = dr_json_load(index, &j);
    if (st)
        return st;
    json_t *map = json_object_get(j, "weight_map");
    if (!json_object_size(map))
        st = dr_fail(DR_EINVAL, "cannot load '%s': it has no \"weight_map\"", index);
    json_object_foreach(map, tensor, file)
    {
        const char *name = json_string_value(file);
        char path[4096];
        if (!name || strchr(name, '/') || !*name || *name == '.') {
            st = dr_fail(DR_EINVAL, "cannot load '%s': the file of '%.200s' must be a name in the same folder", index,
                         tensor);
            break;
        }
        st = dr_path(path, sizeof path, dir, name);
        if (!st && !have_file(w, path))
            st = add_file(w, path);
        if (st)
            break;
    }
    json_decref(j);
    return st;
}

/* Published endings, f32 first: where a folder has both, exactness wins over size. Pickles come last. */
static const char *const endings[] = {".safetensors",
                                      ".safetensors.index.json",
                                      ".fp16.safetensors",
                                      ".safetensors.index.fp16.json",
                                      ".fp16.safetensors.index.json",
                                      NULL};
static const char *const pickle_endings[] = {
    ".bin", ".bin.index.json", ".fp16.bin", ".bin.index.fp16.json", ".fp16.bin.index.json", NULL};

static bool try_path(char *path, size_t n, const char *dir, const char *stem, const char *ending)
{
    return !dr_path_format(path, n, dir, "%s%s", stem, ending) && dr_exists(path);
}

/* Whether there is one of the `ending`s; then *st says how opening it went. */
static bool open_one(dr_weights *w, const char *dir, const dr_weights_rules *r, const char *const *ending,
                     dr_status *st)
{
    char path[4096];
    for (const char *const *stem = r->stems; *stem; stem++)
        for (const char *const *e = ending; *e; e++)
            if (try_path(path, sizeof path, dir, *stem, *e)) {
                *st = strstr(*e, ".json") ? add_shards(w, dir, path) : add_file(w, path);
                return true;
            }
    return false;
}

dr_status dr_weights_open(dr_weights *out, const char *dir, const dr_weights_rules *r)
{
    dr_status st = DR_OK;
    *out = (dr_weights){0};
    if (!open_one(out, dir, r, endings, &st) && !open_one(out, dir, r, pickle_endings, &st))
        st = dr_is_dir(dir)
                 ? dr_fail(DR_ENOENT, "cannot load the %s: '%s' has no %s.safetensors", r->what, dir, r->stems[0])
                 : dr_fail(DR_ENOENT, "cannot load the %s: there is no folder '%s'", r->what, dir);
    if (st)
        dr_weights_close(out);
    return st;
}

dr_status dr_weights_open_file(dr_weights *out, const char *path)
{
    *out = (dr_weights){0};
    dr_status st = add_file(out, path);
    if (st)
        dr_weights_close(out);
    return st;
}

dr_status dr_weights_borrow(dr_weights *out, const dr_st_entry *entry, size_t count, const char *path)
{
    *out = (dr_weights){.list = malloc(sizeof *out->list), .count = 1};
    if (!out->list) {
        *out = (dr_weights){0};
        return dr_fail(DR_ENOMEM, "out of memory loading '%s'", path);
    }
    out->list[0] = (dr_tensors){entry, count, path};
    return DR_OK;
}

void dr_weights_close(dr_weights *w)
{
    for (size_t i = 0; i < w->count; i++) {
        if (w->file) {
            dr_tensor_file_close(w->file[i]);
            free(w->file[i]);
            continue;
        }
        for (size_t k = 0; k < w->list[i].count; k++) /* the owner stays open, and its pages would stay in memory */
            dr_map_drop(w->list[i].entry[k].data, w->list[i].entry[k].size);
    }
    free(w->file);
    free(w->list);
    *w = (dr_weights){0};
}

/* A tensor as the file has it, or blocks, which safetensors has not, as f32. */
static dr_status put_tensor(dr_st_writer *out, const dr_st_entry *e, const char *path)
{
    enum { PIECE = 1 << 16 };
    size_t n = dr_st_count(e);
    if (dr_dtype_block(e->dtype) == 1)
        return dr_st_put(out, e->data, e->size);
    float *f32 = malloc(PIECE * sizeof *f32);
    dr_status st = f32 ? DR_OK : dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    for (size_t at = 0; !st && at < n; at += PIECE) {
        size_t m = n - at < PIECE ? n - at : PIECE;
        dr_to_f32((const char *)e->data + dr_dtype_bytes(e->dtype, at), e->dtype, f32, m);
        st = dr_st_put_part(out, f32, m * sizeof *f32);
    }
    free(f32);
    return st;
}

dr_status dr_weights_write(const dr_weights *w, const char *path)
{
    const dr_st_meta format = {"format", "pt"};
    dr_st_writer out;
    size_t n = 0, at = 0;
    for (size_t i = 0; i < w->count; i++)
        n += w->list[i].count;
    dr_st_entry *all = calloc(2 * n + 1, sizeof *all), *written = all + n;
    if (!all)
        return dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    for (size_t i = 0; i < w->count; i++)
        for (size_t k = 0; k < w->list[i].count; k++, at++) {
            all[at] = written[at] = w->list[i].entry[k];
            if (dr_dtype_block(all[at].dtype) > 1)
                written[at].dtype = DR_F32;
        }
    dr_status st = dr_st_create(&out, path, written, n, &format, 1);
    if (!st) {
        for (size_t i = 0; !st && i < n; i++) {
            st = put_tensor(&out, &all[i], path);
            dr_map_drop(all[i].data, all[i].size);
        }
        if (!st)
            st = dr_st_commit(&out);
        else
            dr_st_abort(&out);
    }
    free(all);
    return st;
}
