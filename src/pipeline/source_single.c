/* A single file: its parts are what the equal folder would have, its tokenizer is CLIP's. */
#include "base/path.h"
#include "pipeline/folder.h"
#include "pipeline/source_impl.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

static const char *where(const dr_source *s, const char *part, char *out, size_t n)
{
    (void)part;
    snprintf(out, n, "%s", s->path);
    return out;
}

static bool has(const dr_source *s, const char *part)
{
    const dr_st_entry *entry;
    size_t count;
    bool there = dr_single_part(s->single, part, &entry, &count) == DR_OK;
    dr_error_clear();
    return there;
}

static dr_status config(const dr_source *s, const char *part, json_t **out, char path[PATH_MAX])
{
    where(s, part, path, PATH_MAX);
    return dr_single_config(s->single, strcmp(part, "model_index") == 0 ? "model_index.json" : part, out);
}

static dr_status tensors(const dr_source *s, const char *part, dr_weights *out)
{
    const dr_st_entry *entry;
    size_t count;
    *out = (dr_weights){0};
    dr_status st = dr_single_part(s->single, part, &entry, &count);
    return st ? st : dr_weights_borrow(out, entry, count, s->path);
}

static dr_status schedule(const dr_source *s, dr_schedule *out)
{
    json_t *j;
    dr_status st = dr_single_config(s->single, "scheduler", &j);
    if (st)
        return st;
    st = dr_schedule_parse(out, j, s->path);
    json_decref(j);
    return st;
}

static dr_status tokenizer(const dr_source *s, dr_tokenizer **out)
{
    return dr_clip_vocab_open(out, dr_single_pad_token(s->single));
}

static dr_status write_config(const dr_source *s, const char *part, const char *to)
{
    char path[PATH_MAX];
    json_t *j = NULL;
    const char *file = strcmp(part, "scheduler") == 0 ? "scheduler_config.json" : "config.json";
    dr_status st = dr_path(path, sizeof path, to, part);
    if (!st)
        st = dr_mkdirs(path);
    if (!st)
        st = dr_path(path, sizeof path, to, part, file);
    if (!st)
        st = dr_single_config(s->single, part, &j);
    if (!st)
        st = dr_json_save(path, j);
    json_decref(j);
    return st;
}

static dr_status copy(const dr_source *s, const char *part, const char *to, bool weights)
{
    dr_weights w = {0};
    if (strcmp(part, "tokenizer") == 0)
        return dr_clip_vocab_write(to, dr_single_pad_token(s->single));
    dr_status st = write_config(s, part, to);
    if (!st && weights && dr_weights_rules_of(part))
        st = tensors(s, part, &w);
    if (!st && w.count)
        st = dr_source_write_weights(&w, part, to);
    dr_weights_close(&w);
    return st;
}

const dr_source_kind dr_source_single = {.where = where,
                                         .has = has,
                                         .config = config,
                                         .tensors = tensors,
                                         .schedule = schedule,
                                         .tokenizer = tokenizer,
                                         .copy = copy};
