/* Start, end, padding and added tokens.
 *
 * They are told in up to five places. As in transformers: "added_tokens_decoder" of tokenizer_config.json, where
 * there is one, declares all added tokens and special_tokens_map.json is not looked at. Else the map goes over the
 * config, and added_tokens.json and "added_tokens" of tokenizer.json declare. Each special token is an added token
 * too: Stable Diffusion 2 pads with "!", and so every "!" of a prompt is a token of its own there. */
#include "models/tokenizer_internal.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* The order matters: a token named twice (SD 1 pads with the end token) is looked for as the last name says. */
enum { START, END, UNKNOWN, SEPARATOR, PAD, CLASS, MASK, ROLES };
static const struct {
    const char *key, *usual;
} roles[ROLES] = {
    [START] = {"bos_token", "<|startoftext|>"},
    [END] = {"eos_token", "<|endoftext|>"},
    [UNKNOWN] = {"unk_token", "<|endoftext|>"},
    [SEPARATOR] = {"sep_token", NULL},
    [PAD] = {"pad_token", "<|endoftext|>"},
    [CLASS] = {"cls_token", NULL},
    [MASK] = {"mask_token", NULL},
};

typedef struct named_token {
    const char *name; /* borrowed from the JSON */
    int32_t id;       /* -1: not declared */
    bool normalized, single_word;
} named_token;

typedef struct reader {
    dr_tokenizer *t;
    const dr_tokenizer_json *j;
    const json_t *decoder; /* NULL: none */
    named_token *list;     /* the added tokens so far */
    size_t n, cap;
    json_t *index;  /* name -> place in list */
    int first_free; /* ids from here on are not the vocabulary's */
} reader;

/* A token as "text" or {"content": "text", ...}. */
static dr_status read_token(const reader *r, const json_t *v, const char *file, bool normalized, named_token *out)
{
    const json_t *content = json_is_object(v) ? json_object_get(v, "content") : v;
    if (!json_is_string(content))
        return dr_fail(DR_EINVAL, "cannot read '%s/%s': a token must be \"text\" or {\"content\": \"text\"}", r->j->dir,
                       file);
    *out = (named_token){json_string_value(content), -1, normalized, false};
    if (!json_is_object(v))
        return DR_OK;
    dr_status st = dr_json_bool(v, file, "normalized", normalized, &out->normalized);
    return st ? st : dr_json_bool(v, file, "single_word", false, &out->single_word);
}

static int32_t vocab_id(const reader *r, const char *name)
{
    const json_t *v = json_object_get(r->j->vocab, name);
    return v ? (int32_t)json_integer_value(v) : -1;
}

static named_token *find(const reader *r, const char *name)
{
    const json_t *place = json_object_get(r->index, name);
    return place ? &r->list[json_integer_value(place)] : NULL;
}

/* Adds a token with a known id, or says anew how one is looked for. */
static dr_status put(reader *r, named_token a)
{
    named_token *old = find(r, a.name);
    if (old) {
        a.id = old->id;
        *old = a;
        return DR_OK;
    }
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 16;
        named_token *list = realloc(r->list, cap * sizeof *list);
        if (!list)
            return dr_fail(DR_ENOMEM, "out of memory reading the tokenizer '%s'", r->j->dir);
        r->list = list;
        r->cap = cap;
    }
    if (json_object_set_new(r->index, a.name, json_integer((json_int_t)r->n)))
        return dr_fail(DR_ENOMEM, "out of memory reading the tokenizer '%s'", r->j->dir);
    r->list[r->n++] = a;
    return DR_OK;
}

/* The id of a token that the vocabulary has is the vocabulary's, whatever is declared. */
static dr_status declare(reader *r, const char *file, named_token a, json_int_t id)
{
    int32_t known = vocab_id(r, a.name);
    if (!a.name[0])
        return DR_OK;
    if (known < 0 && (id < r->first_free || id >= DR_TOKEN_ID_MAX))
        return dr_fail(DR_EINVAL, "cannot read '%s/%s': an added token has id %lld, must be %d to %d", r->j->dir, file,
                       (long long)id, r->first_free, DR_TOKEN_ID_MAX - 1);
    a.id = known >= 0 ? known : (int32_t)id;
    if (a.id >= r->t->vocab_size)
        r->t->vocab_size = a.id + 1;
    return put(r, a);
}

static dr_status declare_object(reader *r, const char *file, const json_t *v, json_int_t id)
{
    named_token a = {0};
    bool special = false;
    dr_status st = json_is_object(v) ? dr_json_bool(v, file, "special", false, &special) : DR_OK;
    if (!st)
        st = read_token(r, v, file, !special, &a);
    return st ? st : declare(r, file, a, id);
}

/* {"49408": {"content": ...}, ...} */
static dr_status read_decoder(reader *r)
{
    dr_status st = DR_OK;
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)r->decoder, key, v)
    {
        char *end;
        long long id = strtoll(key, &end, 10);
        st = declare_object(r, "tokenizer_config.json", v, *end || end == key ? -1 : id);
        if (st)
            break;
    }
    return st;
}

/* The value of a special token's key, and the file it stands in; NULL if none. */
static const json_t *special_value(const reader *r, const char *key, const char **file)
{
    const json_t *v = r->decoder ? NULL : json_object_get(r->j->special, key);
    *file = v ? "special_tokens_map.json" : "tokenizer_config.json";
    v = v ? v : json_object_get(r->j->config, key);
    return json_is_null(v) ? NULL : v;
}

static bool has_role(const reader *r, const char *name)
{
    for (int i = 0; i < ROLES; i++) {
        const char *file;
        const json_t *v = special_value(r, roles[i].key, &file);
        const char *s = json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
        s = v ? s : roles[i].usual;
        if (s && strcmp(s, name) == 0)
            return true;
    }
    return false;
}

/* added_tokens.json, {"token": id}, and the list in tokenizer.json. */
static dr_status read_declared(reader *r)
{
    dr_status st = DR_OK;
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)r->j->added, name, v)
    {
        named_token a = {name, -1, !has_role(r, name), false};
        st = declare(r, "added_tokens.json", a, json_is_integer(v) ? json_integer_value(v) : -1);
        if (st)
            return st;
    }
    const json_t *list = json_object_get(r->j->tokenizer, "added_tokens");
    if (list && !json_is_null(list) && !json_is_array(list))
        return dr_fail(DR_EINVAL, "cannot read '%s/tokenizer.json': \"added_tokens\" must be a list", r->j->dir);
    for (size_t i = 0; !st && i < json_array_size(list); i++) {
        const json_t *id = json_object_get(json_array_get(list, i), "id");
        st = declare_object(r, "tokenizer.json", json_array_get(list, i),
                            json_is_integer(id) ? json_integer_value(id) : -1);
    }
    return st;
}

/* Makes a special token an added one, unless it was declared (`declared` of the list are) as such already. */
static dr_status add_special(reader *r, named_token a, size_t declared, int32_t *id)
{
    named_token *old = find(r, a.name);
    *id = old ? old->id : vocab_id(r, a.name);
    if (*id < 0 || !a.name[0] || (old && (size_t)(old - r->list) < declared))
        return DR_OK;
    a.id = *id;
    return put(r, a);
}

static dr_status read_roles(reader *r, size_t declared)
{
    int32_t *ids[ROLES] = {[START] = &r->t->start, [END] = &r->t->end, [UNKNOWN] = &r->t->unknown, [PAD] = &r->t->pad};
    for (int i = 0; i < ROLES; i++) {
        const char *file;
        const json_t *v = special_value(r, roles[i].key, &file);
        named_token a = {roles[i].usual, -1, false, false};
        int32_t id;
        dr_status st = v ? read_token(r, v, file, false, &a) : DR_OK;
        if (!st && a.name)
            st = add_special(r, a, declared, &id);
        if (st)
            return st;
        if (!ids[i])
            continue;
        if (id < 0)
            return dr_fail(DR_EINVAL, "cannot load the tokenizer '%s': its %s has no id in the vocabulary", r->j->dir,
                           roles[i].key);
        *ids[i] = id;
    }
    return DR_OK;
}

/* Further special tokens; those without an id have no embedding either, so they stay plain text. */
static dr_status read_extra(reader *r, const char *key, size_t declared)
{
    const char *file;
    const json_t *list = special_value(r, key, &file);
    dr_status st = DR_OK;
    for (size_t i = 0; !st && json_is_array(list) && i < json_array_size(list); i++) {
        named_token a = {0};
        int32_t id;
        st = read_token(r, json_array_get(list, i), file, false, &a);
        if (!st)
            st = add_special(r, a, declared, &id);
    }
    return st;
}

static int compare_added(const void *x, const void *y)
{
    const dr_added_token *a = x, *b = y;
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (a->text[i] != b->text[i])
            return a->text[i] < b->text[i] ? -1 : 1;
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static dr_status added_text(const reader *r, const named_token *a, dr_points *out)
{
    dr_points raw = {0};
    dr_status st = dr_points_decode(&raw, a->name, strlen(a->name));
    if (!st && !a->normalized) {
        *out = raw;
    } else {
        if (!st)
            st = dr_points_normalize(out, raw.c, raw.n);
        dr_points_clear(&raw);
    }
    if (!st && out->n > DR_ADDED_TEXT_MAX)
        st = dr_fail(DR_EINVAL,
                     "cannot load the tokenizer '%s': an added token has %zu characters, at most %d are "
                     "accepted",
                     r->j->dir, out->n, DR_ADDED_TEXT_MAX);
    if (st)
        dr_points_clear(out);
    return st;
}

/* Fills t->added[normalized], sorted; of equal texts the first id stays. */
static dr_status index_added(const reader *r, int normalized)
{
    dr_tokenizer *t = r->t;
    dr_added_token *list = calloc(r->n + 1, sizeof *list);
    if (!list)
        return dr_fail(DR_ENOMEM, "out of memory reading the tokenizer '%s'", r->j->dir);
    t->added[normalized] = list;
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const named_token *a = &r->list[i];
        dr_points text = {0};
        if (a->normalized != normalized)
            continue;
        dr_status st = added_text(r, a, &text);
        if (st)
            return st;
        list[n++] = (dr_added_token){text.c, text.n, a->id, a->single_word};
        t->n_added[normalized] = n; /* what dr_tokenizer_free gives back, should the next one fail */
    }
    qsort(list, n, sizeof *list, compare_added);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool same = kept && list[kept - 1].n == list[i].n &&
                    memcmp(list[kept - 1].text, list[i].text, list[i].n * sizeof *list[i].text) == 0;
        if (same)
            free(list[i].text);
        else
            list[kept++] = list[i];
    }
    t->n_added[normalized] = kept;
    return DR_OK;
}

dr_status dr_tokenizer_special(dr_tokenizer *t, const dr_tokenizer_json *j)
{
    reader r = {.t = t, .j = j, .index = json_object(), .first_free = t->vocab_size};
    dr_status st = r.index ? DR_OK : dr_fail(DR_ENOMEM, "out of memory reading the tokenizer '%s'", j->dir);
    r.decoder = json_object_get(j->config, "added_tokens_decoder");
    if (!json_is_object(r.decoder))
        r.decoder = NULL;
    if (!st)
        st = r.decoder ? read_decoder(&r) : read_declared(&r);
    size_t declared = r.n;
    if (!st)
        st = read_roles(&r, declared);
    if (!st)
        st = read_extra(&r, "extra_special_tokens", declared);
    if (!st)
        st = read_extra(&r, "additional_special_tokens", declared);
    for (int normalized = 0; !st && normalized < 2; normalized++)
        st = index_added(&r, normalized);
    free(r.list);
    json_decref(r.index);
    return st;
}
