#include "pipeline/source_impl.h"

#include "pipeline/folder.h"

#include <stdlib.h>
#include <string.h>

/* A copy of `text` in *out, NULL for NULL. */
static bool keep(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return *out || !text;
}

dr_status dr_source_open(dr_source **out, const char *path, const dr_source_options *o)
{
    const dr_source_options none = {0};
    o = o ? o : &none;
    *out = NULL;
    dr_status st = o->unchecked || o->alone ? DR_OK : dr_folder_check(path);
    if (st)
        return st;
    dr_source *s = calloc(1, sizeof *s);
    if (!s || !keep(&s->path, path) || !keep(&s->alone, o->alone) || !keep(&s->tokenizer, o->tokenizer)) {
        dr_source_close(s);
        return dr_fail(DR_ENOMEM, "out of memory");
    }
    s->kind = &dr_source_folder;
    *out = s;
    return DR_OK;
}

void dr_source_close(dr_source *s)
{
    if (!s)
        return;
    if (s->kind && s->kind->close)
        s->kind->close(s);
    free(s->path);
    free(s->alone);
    free(s->tokenizer);
    free(s);
}

const char *dr_source_path(const dr_source *s)
{
    return s->path;
}

const char *dr_source_where(const dr_source *s, const char *part, char *out, size_t n)
{
    return s->kind->where(s, part, out, n);
}

bool dr_source_has(const dr_source *s, const char *part)
{
    return s->kind->has(s, part);
}

dr_status dr_source_config(const dr_source *s, const char *part, json_t **out, char where[PATH_MAX])
{
    return s->kind->config(s, part, out, where);
}

dr_status dr_source_tensors(const dr_source *s, const char *part, dr_weights *out)
{
    return s->kind->tensors(s, part, out);
}

dr_status dr_source_schedule(const dr_source *s, dr_schedule *out)
{
    return s->kind->schedule(s, out);
}

dr_status dr_source_tokenizer(const dr_source *s, dr_tokenizer **out)
{
    return s->tokenizer ? dr_tokenizer_load(out, s->tokenizer) : s->kind->tokenizer(s, out);
}

dr_status dr_source_copy(const dr_source *s, const char *part, const char *to, bool weights)
{
    char path[PATH_MAX];
    if (!s->tokenizer || strcmp(part, "tokenizer") != 0)
        return s->kind->copy(s, part, to, weights);
    dr_status st = dr_folder_path(path, sizeof path, to, part, "");
    return st ? st : dr_folder_copy_files(s->tokenizer, path, false);
}
