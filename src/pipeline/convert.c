#include "pipeline/convert.h"

#include "base/file.h"
#include "base/path.h"
#include "io/tensor_write.h"
#include "pipeline/convert_write.h"
#include "pipeline/folder.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

bool dr_convert_is_file(const char *path)
{
    return dr_named_safetensors(path) || dr_named_torch(path) || dr_named_gguf(path);
}

/* --- a folder ------------------------------------------------------------------------------------------- */

static dr_status list_part(dr_convert_list *l, dr_convert_part *p, const dr_convert_options *o)
{
    size_t i = 0;
    dr_status st = dr_convert_list_init(l, p->table.count);
    for (dr_param *q = p->table.first; !st && q; q = q->next, i++) {
        dr_convert_item *item = dr_convert_list_add(l, "%s%s", p->prefix, q->t.name);
        if (!item)
            return DR_ENOMEM;
        dr_convert_item_from(item, p, q, i, o);
    }
    if (!st)
        dr_convert_list_sort(l, 0);
    return st;
}

/* transformers notes the type, under either name. */
static void set_dtype(json_t *config, dr_dtype dtype)
{
    static const char *const names[] = {[DR_F32] = "float32", [DR_F16] = "float16", [DR_BF16] = "bfloat16"};
    static const char *const keys[] = {"torch_dtype", "dtype"};
    for (int i = 0; dtype != DR_DTYPES && i < 2; i++)
        if (json_object_get(config, keys[i]))
            json_object_set_new(config, keys[i], json_string(names[dtype]));
}

static dr_status save_json(const char *dir, const char *part, const char *file, const json_t *j)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, dir, part);
    if (!st)
        st = dr_mkdirs(path);
    if (!st)
        st = dr_path(path, sizeof path, dir, part, file);
    return st ? st : dr_json_save(path, j);
}

/* CLIP's vocabulary does not go with a single file whose text encoder knows fewer tokens. */
static dr_status write_tokenizer(const dr_convert_model *m, const char *dir, const dr_convert_options *o)
{
    if (o->tokenizer || !dr_source_family(m->source) || m->text.vocab >= DR_CLIP_VOCAB)
        return dr_source_copy(m->source, "tokenizer", dir, false);
    dr_convert_note(
        o,
        "the text encoder knows %d tokens, CLIP's vocabulary has %d: the folder is without a tokenizer; pass "
        "the one that belongs to the model with --tokenizer",
        m->text.vocab, DR_CLIP_VOCAB);
    return DR_OK;
}

static dr_status write_index(const dr_convert_model *m, const char *dir)
{
    const char *class = json_string_value(json_object_get(m->scheduler, "_class_name"));
    json_t *j = dr_folder_index(m->unet.in, class ? class : "PNDMScheduler");
    dr_status st =
        j ? save_json(dir, "", "model_index.json", j) : dr_fail(DR_ENOMEM, "out of memory writing '%s'", dir);
    json_decref(j);
    return st;
}

static dr_status write_parts(dr_convert_model *m, dr_convert_list *l, const char *dir, dr_convert_job *job)
{
    static const dr_st_meta meta = {"format", "pt"};
    char path[PATH_MAX];
    dr_status st = DR_OK;
    for (int i = 0; !st && i < DR_CONVERT_PARTS; i++) {
        dr_convert_part *p = &m->part[i];
        if (!p->name)
            continue;
        if (i == DR_CONVERT_TEXT)
            set_dtype(p->config, job->o->dtype);
        st = save_json(dir, p->name, "config.json", p->config);
        if (!st)
            st = dr_path(path, sizeof path, dir, p->name,
                         i == DR_CONVERT_TEXT ? "model.safetensors" : "diffusion_pytorch_model.safetensors");
        if (!st)
            st = dr_convert_write(&l[i], path, &meta, 1, job);
    }
    if (!st)
        st = save_json(dir, "scheduler", "scheduler_config.json", m->scheduler);
    if (!st)
        st = write_tokenizer(m, dir, job->o);
    return st ? st : write_index(m, dir);
}

static dr_status write_folder(dr_convert_model *m, const char *out, const dr_convert_options *o)
{
    char tmp[PATH_MAX], message[1024];
    dr_convert_list l[DR_CONVERT_PARTS] = {{0}};
    dr_convert_job job = {.o = o};
    dr_status st = DR_OK;
    for (int i = 0; !st && i < DR_CONVERT_PARTS; i++)
        if (m->part[i].name) {
            st = list_part(&l[i], &m->part[i], o);
            job.total += dr_convert_list_bytes(&l[i]);
        }
    if (!st)
        st = dr_convert_check_room(out, job.total);
    if (!st && !(st = dr_folder_begin(tmp, sizeof tmp, out))) {
        st = write_parts(m, l, tmp, &job);
        if (!st)
            st = dr_folder_commit(tmp, out);
        if (st) { /* removing may fail too; the first fault is the one to tell */
            snprintf(message, sizeof message, "%s", dr_error());
            (void)dr_remove_tree(tmp);
            dr_fail(st, "%s", message);
        }
    }
    for (int i = 0; i < DR_CONVERT_PARTS; i++)
        dr_convert_list_clear(&l[i]);
    return st;
}

/* --- the whole ------------------------------------------------------------------------------------------ */

dr_status dr_convert(const char *in, const char *out, const dr_convert_options *given)
{
    dr_convert_model m;
    dr_convert_options with = *given, *o = &with;
    bool file = dr_convert_is_file(out);
    with.blocks = dr_named_gguf(out);
    if (o->dtype == DR_Q8_0 && !o->blocks)
        return dr_fail(
            DR_EINVAL,
            "cannot write '%s' in 8 bits: of the forms that are written GGUF alone has them; let its name end "
            "in .gguf",
            out);
    if (file && !o->replace && dr_exists(out))
        return dr_fail(DR_EINVAL, "cannot write '%s': it exists; choose another name", out);
    if (file && o->tokenizer)
        return dr_fail(DR_EINVAL, "cannot write a tokenizer into '%s': single files have none", out);
    dr_status st = dr_convert_model_open(&m, in, o);
    if (st)
        return st;
    st = file ? dr_convert_write_single(&m, out, o) : write_folder(&m, out, o);
    dr_convert_model_close(&m);
    return st;
}
