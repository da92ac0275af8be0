#include "pipeline/source_impl.h"

#include "base/path.h"
#include "pipeline/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- opening -------------------------------------------------------------------------------------- */

/* A copy of `text` in *out, NULL for NULL. */
static bool keep(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return *out || !text;
}

/* DIR/PART where DIR is a pipeline folder, else DIR, which is the part itself. */
static dr_status inside(char out[PATH_MAX], const char *dir, const char *part)
{
    dr_status st = dr_path(out, PATH_MAX, dir, part);
    return st || dr_is_dir(out) ? st : dr_path(out, PATH_MAX, dir);
}

static dr_status open_file(dr_source *s, const dr_source_options *o)
{
    s->kind = &dr_source_single;
    if (!o->alone)
        return dr_single_open(&s->single, s->path, &(dr_single_options){.ema = o->ema, .no_vae = o->vae != NULL});
    if (strcmp(o->alone, "vae") == 0)
        return dr_single_open_vae(&s->single, s->path);
    return dr_fail(DR_EINVAL, "cannot load the %s '%s': it is a file; pass its folder",
                   dr_weights_rules_of(o->alone)->what, s->path);
}

static dr_status open_folder(dr_source *s, const dr_source_options *o)
{
    s->kind = &dr_source_folder;
    if (o->ema)
        return dr_fail(DR_EINVAL, "cannot take the moving average of '%s': folders have none, single files may",
                       s->path);
    return o->unchecked || o->alone ? DR_OK : dr_folder_check(s->path);
}

/* What takes the place of the model's own parts. */
static dr_status open_others(dr_source *s, const dr_source_options *o)
{
    char path[PATH_MAX];
    dr_status st = DR_OK;
    if (o->tokenizer) {
        st = inside(path, o->tokenizer, "tokenizer");
        if (!st && !keep(&s->tokenizer, path))
            st = dr_fail(DR_ENOMEM, "out of memory");
    }
    if (!st && o->vae) {
        st = inside(path, o->vae, "vae");
        if (!st)
            st = dr_source_open(&s->vae, path, &(dr_source_options){.alone = "vae"});
        if (!st && !dr_source_has(s->vae, "vae"))
            st = dr_fail(DR_ENOENT, "cannot load the VAE '%s': %s", o->vae,
                         dr_is_dir(o->vae)
                             ? "it has no config.json; pass the folder of a VAE or of a pipeline, or a file"
                             : "there is no such folder or file");
    }
    return st;
}

dr_status dr_source_open(dr_source **out, const char *path, const dr_source_options *o)
{
    const dr_source_options none = {0};
    o = o ? o : &none;
    *out = NULL;
    dr_source *s = calloc(1, sizeof *s);
    dr_status st = s && keep(&s->path, path) && keep(&s->alone, o->alone) ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_single_file_is(path) ? open_file(s, o) : open_folder(s, o);
    if (!st)
        st = open_others(s, o);
    if (st)
        dr_source_close(s);
    else
        *out = s;
    return st;
}

void dr_source_close(dr_source *s)
{
    if (!s)
        return;
    dr_source_close(s->vae);
    dr_single_close(s->single);
    free(s->path);
    free(s->alone);
    free(s->tokenizer);
    free(s);
}

/* --- answers -------------------------------------------------------------------------------------- */

/* Who answers for a part. */
static const dr_source *owner(const dr_source *s, const char *part)
{
    return s->vae && strcmp(part, "vae") == 0 ? s->vae : s;
}

const char *dr_source_path(const dr_source *s)
{
    return s->path;
}

const char *dr_source_family(const dr_source *s)
{
    return s->single ? dr_single_family(s->single) : NULL;
}

const char *dr_source_note(const dr_source *s)
{
    return s->single ? dr_single_note(s->single) : "";
}

const char *dr_source_where(const dr_source *s, const char *part, char *out, size_t n)
{
    s = owner(s, part);
    return s->kind->where(s, part, out, n);
}

bool dr_source_has(const dr_source *s, const char *part)
{
    s = owner(s, part);
    return s->kind->has(s, part);
}

dr_status dr_source_config(const dr_source *s, const char *part, json_t **out, char where[PATH_MAX])
{
    s = owner(s, part);
    return s->kind->config(s, part, out, where);
}

dr_status dr_source_tensors(const dr_source *s, const char *part, dr_weights *out)
{
    s = owner(s, part);
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

const char *dr_source_tokenizer_hint(const dr_source *s)
{
    return s->single && !s->tokenizer
               ? "; a single file brings no vocabulary, so this is CLIP's: pass the tokenizer that belongs to the model"
               : "";
}

dr_status dr_source_copy(const dr_source *s, const char *part, const char *to, bool weights)
{
    char path[PATH_MAX];
    s = owner(s, part);
    if (!s->tokenizer || strcmp(part, "tokenizer") != 0)
        return s->kind->copy(s, part, to, weights);
    dr_status st = dr_path(path, sizeof path, to, part);
    return st ? st : dr_folder_copy_files(s->tokenizer, path, false);
}
