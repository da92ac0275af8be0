#include "pipeline/learned_words.h"

#include "base/path.h"
#include "pipeline/folder.h"
#include "pipeline/lora_kind.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUNDLE "bundle_emb."

void dr_learned_words_init(dr_learned_words *w, int width)
{
    *w = (dr_learned_words){.width = width};
}

void dr_learned_words_clear(dr_learned_words *w)
{
    for (int i = 0; i < w->count; i++) {
        free(w->word[i].word);
        free(w->word[i].path);
    }
    free(w->word);
    free(w->vector);
    *w = (dr_learned_words){.width = w->width};
}

/* --- one tensor --------------------------------------------------------------------------------------- */

static dr_status check_tensor(dr_learned_words *w, const dr_st_entry *e, const char *path)
{
    int64_t n = e->rank == 2 ? e->dim[0] : 1;
    if (e->dtype != DR_F32 && e->dtype != DR_F16 && e->dtype != DR_BF16 && e->dtype != DR_F64)
        return dr_fail(DR_EINVAL, "cannot load '%s': '%s' is %s, expected F32, F16 or BF16", path, e->name,
                       dr_dtype_name(e->dtype));
    if (e->rank < 1 || e->rank > 2 || n < 1)
        return dr_fail(DR_EINVAL, "cannot load '%s': '%s' has %d axes, expected the vectors of a word", path, e->name,
                       e->rank);
    if (n > DR_LEARNED_VECTORS_MAX)
        return dr_fail(DR_EINVAL, "cannot load '%s': '%s' has %lld vectors, at most %d fit into a prompt", path,
                       e->name, (long long)n, DR_LEARNED_VECTORS_MAX);
    w->misfit = e->dim[e->rank - 1] != w->width;
    if (w->misfit)
        return dr_fail(DR_EINVAL,
                       "cannot use '%s': its vectors have %lld values, the model's text encoder takes %d; it was "
                       "learned with another model (Stable Diffusion 1 has 768, 2 has 1024)",
                       path, (long long)e->dim[e->rank - 1], w->width);
    return DR_OK;
}

static dr_status copy_vectors(const dr_st_entry *e, const char *path, float *out)
{
    size_t n = e->size / dr_dtype_size(e->dtype);
    void *aligned = malloc(e->size); /* the file's data may lie anywhere */
    if (!aligned)
        return dr_fail(DR_ENOMEM, "out of memory loading '%s'", path);
    memcpy(aligned, e->data, e->size);
    dr_to_f32(aligned, e->dtype, out, n);
    free(aligned);
    return dr_check_finite(out, DR_F32, n, e->name, path);
}

static dr_status add(dr_learned_words *w, const dr_st_entry *e, const char *path, const char *word, size_t length)
{
    dr_status st = check_tensor(w, e, path);
    int n = e->rank == 2 ? (int)e->dim[0] : 1;
    if (st)
        return st;
    dr_learned_word *more = realloc(w->word, (size_t)(w->count + 1) * sizeof *more);
    w->word = more ? more : w->word;
    float *vector = realloc(w->vector, (size_t)(w->vectors + n) * (size_t)w->width * sizeof *vector);
    w->vector = vector ? vector : w->vector;
    if (!more || !vector)
        return dr_fail(DR_ENOMEM, "out of memory loading '%s'", path);
    st = copy_vectors(e, path, vector + (size_t)w->vectors * (size_t)w->width);
    if (st)
        return st;
    dr_learned_word *one = &w->word[w->count];
    *one = (dr_learned_word){strndup(word, length), strdup(path), w->vectors, n};
    if (!one->word || !one->path) {
        free(one->word);
        free(one->path);
        return dr_fail(DR_ENOMEM, "out of memory loading '%s'", path);
    }
    w->count++;
    w->vectors += n;
    return DR_OK;
}

/* --- files -------------------------------------------------------------------------------------------- */

static bool begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

static dr_status no_embedding(const dr_tensor_file *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->entry[i].name, "clip_g") == 0 || strcmp(f->entry[i].name, "clip_l") == 0)
            return dr_fail(
                DR_EUNSUPPORTED,
                "cannot load '%s': it is an embedding for Stable Diffusion XL ('%s'); ask for one for Stable "
                "Diffusion 1 or 2",
                f->path, f->entry[i].name);
    if (!f->count)
        return dr_fail(DR_EINVAL, "cannot load '%s': it is no embedding, there is no tensor in it", f->path);
    return dr_fail(
        DR_EINVAL, "cannot load '%s': it is no embedding (textual inversion): it has %zu tensors, the first is '%s'%s",
        f->path, f->count, f->entry[0].name, strstr(f->entry[0].name, "lora_") ? "; pass an adapter with --lora" : "");
}

/* A weight of a model or adapter, which is alone in its file by chance. */
static bool is_weight(const char *name)
{
    size_t n = strlen(name);
    return dr_lora_kind(name) || (n > 7 && strcmp(name + n - 7, ".weight") == 0) || strcmp(name, "clip_l") == 0 ||
           strcmp(name, "clip_g") == 0;
}

/* The tensor with the vectors, NULL if the file is something else. *own: it is called as its word is. */
static const dr_st_entry *find_vectors(const dr_tensor_file *f, bool *own)
{
    const dr_st_entry *found = NULL;
    int candidates = 0;
    *own = false;
    for (size_t i = 0; i < f->count; i++) {
        const dr_st_entry *e = &f->entry[i];
        if (strcmp(e->name, "emb_params") == 0 || begins(e->name, "string_to_param.")) {
            found = e;
            candidates++;
        }
    }
    if (candidates)
        return candidates == 1 ? found : NULL;
    if (f->count != 1 || is_weight(f->entry[0].name))
        return NULL;
    *own = true;
    return &f->entry[0];
}

static dr_status add_file(dr_learned_words *w, const dr_tensor_file *f, const char *path, const char *word)
{
    bool own;
    const dr_st_entry *e = find_vectors(f, &own);
    const char *name = dr_path_name(path);
    if (!e || e->rank > 2)
        return no_embedding(f);
    if (word)
        return add(w, e, path, word, strlen(word));
    if (own)
        return add(w, e, path, e->name, strlen(e->name));
    return add(w, e, path, name, dr_path_stem(path) - (size_t)(name - path));
}

static dr_status in_folder(char out[PATH_MAX], const char *dir)
{
    static const char *const known[] = {"learned_embeds.safetensors", "learned_embeds.bin"};
    for (size_t i = 0; i < 2; i++) {
        dr_status st = dr_path(out, PATH_MAX, dir, known[i]);
        if (st || dr_exists(out))
            return st;
    }
    return dr_fail(DR_ENOENT, "there is no embedding in folder '%s': expected %s or %s", dir, known[0], known[1]);
}

dr_status dr_learned_words_open(dr_learned_words *w, const char *path, const char *word)
{
    char found[PATH_MAX];
    dr_tensor_file f = {0};
    w->misfit = false;
    dr_status st = dr_is_dir(path) ? in_folder(found, path) : DR_OK;
    if (st)
        return st;
    path = dr_is_dir(path) ? found : path;
    st = dr_tensor_file_open(&f, path);
    if (!st)
        st = add_file(w, &f, path, word);
    dr_tensor_file_close(&f);
    return st;
}

dr_status dr_learned_words_bundled(dr_learned_words *w, const dr_tensor_file *adapter)
{
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < adapter->count; i++) {
        const char *word = adapter->entry[i].name + strlen(BUNDLE);
        if (!begins(adapter->entry[i].name, BUNDLE))
            continue;
        const char *end = strstr(word, ".string_to_param.");
        end = end ? end : strstr(word, ".emb_params");
        if (!end || end == word)
            return dr_fail(DR_EINVAL, "cannot load '%s': '%s' is not the vectors of a word", adapter->path,
                           adapter->entry[i].name);
        st = add(w, &adapter->entry[i], adapter->path, word, (size_t)(end - word));
    }
    return st;
}

/* --- use ---------------------------------------------------------------------------------------------- */

dr_status dr_learned_words_teach(const dr_learned_words *w, dr_tokenizer *t, int vocab)
{
    for (int i = 0; i < w->count; i++) {
        const dr_learned_word *one = &w->word[i];
        if (dr_tokenizer_add_word(t, one->word, vocab + one->first, one->count)) {
            char why[256];
            snprintf(why, sizeof why, "%s", dr_error());
            return dr_fail(DR_EINVAL, "cannot use '%s' as the word '%.100s': %s", one->path, one->word, why);
        }
    }
    return DR_OK;
}

void dr_learned_words_lend(const dr_learned_words *w, dr_clip_text *m)
{
    m->words = w->vectors ? w->vector : NULL;
    m->word_count = w->vectors;
}
