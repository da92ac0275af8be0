/* A diffusers pipeline folder, or the folder of one part alone. */
#include "base/path.h"
#include "pipeline/folder.h"
#include "pipeline/source_impl.h"

#include "base/file.h"

#include <stdio.h>
#include <string.h>

/* Where configs do not lie in PART/config.json. */
static const struct {
    const char *part, *folder, *file;
} places[] = {{"scheduler", "scheduler", "scheduler_config.json"},
              {"processor", "", "preprocessor_config.json"},
              {"model_index", "", "model_index.json"}};

static const char *folder_of(const dr_source *s, const char *part)
{
    return s->alone && strcmp(s->alone, part) == 0 ? "" : part;
}

static dr_status config_path(const dr_source *s, const char *part, char out[PATH_MAX])
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(places[i].part, part) == 0)
            return dr_path(out, PATH_MAX, s->path, places[i].folder, places[i].file);
    return dr_path(out, PATH_MAX, s->path, folder_of(s, part), "config.json");
}

static const char *where(const dr_source *s, const char *part, char *out, size_t n)
{
    const char *folder = folder_of(s, part);
    snprintf(out, n, "%s%s%s", s->path, folder[0] ? "/" : "", folder);
    return out;
}

static bool has(const dr_source *s, const char *part)
{
    char path[PATH_MAX];
    return config_path(s, part, path) == DR_OK && dr_exists(path);
}

static dr_status config(const dr_source *s, const char *part, json_t **out, char path[PATH_MAX])
{
    dr_status st = config_path(s, part, path);
    if (!st && s->alone && !dr_is_dir(s->path))
        return dr_fail(DR_ENOENT, "cannot load the %s '%s': there is no such folder",
                       dr_weights_rules_of(s->alone)->what, s->path);
    return st ? st : dr_json_load(path, out);
}

static dr_status tensors(const dr_source *s, const char *part, dr_weights *out)
{
    char path[PATH_MAX];
    *out = (dr_weights){0};
    dr_status st = dr_path(path, sizeof path, s->path, folder_of(s, part));
    return st ? st : dr_weights_open(out, path, dr_weights_rules_of(part));
}

static dr_status schedule(const dr_source *s, dr_schedule *out)
{
    char path[PATH_MAX];
    json_t *index;
    dr_status st = config_path(s, "scheduler", path);
    if (!st)
        st = dr_schedule_load(out, path);
    if (st || out->class_name[0])
        return st;
    st = config(s, "model_index", &index, path);
    if (st) {
        dr_schedule_clear(out);
        return st;
    }
    const char *class = json_string_value(json_array_get(json_object_get(index, "scheduler"), 1));
    if (class)
        snprintf(out->class_name, sizeof out->class_name, "%s", class);
    json_decref(index);
    return DR_OK;
}

static dr_status tokenizer(const dr_source *s, dr_tokenizer **out)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, s->path, "tokenizer");
    return st ? st : dr_tokenizer_load(out, path);
}

/* Pickled weights are written anew: nobody is handed a file that can run code where he loads it. */
static dr_status copy(const dr_source *s, const char *part, const char *to, bool weights)
{
    char from[PATH_MAX], target[PATH_MAX];
    dr_weights w = {0};
    dr_status st = dr_path(from, sizeof from, s->path, folder_of(s, part));
    if (!st)
        st = dr_path(target, sizeof target, to, part);
    if (!st && weights && dr_weights_rules_of(part))
        st = tensors(s, part, &w);
    if (!st)
        st = dr_folder_copy_files(from, target, weights && !w.pickled);
    if (!st && w.pickled)
        st = dr_source_write_weights(&w, part, to);
    dr_weights_close(&w);
    return st;
}

const dr_source_kind dr_source_folder = {.where = where,
                                         .has = has,
                                         .config = config,
                                         .tensors = tensors,
                                         .schedule = schedule,
                                         .tokenizer = tokenizer,
                                         .copy = copy};
