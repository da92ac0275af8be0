/* Reading a tokenizer folder. The files come from strangers: a vocabulary that does not fit its merges, ids out of
 * range or given twice, and wrong JSON types are refused with the file's name. */
#include "models/tokenizer_internal.h"

#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)64 << 20)

static int compare_ids(const void *x, const void *y)
{
    int32_t a = *(const int32_t *)x, b = *(const int32_t *)y;
    return (a > b) - (a < b);
}

/* Ids in range and each given once; fills t->vocab_size. */
static dr_status check_vocab(dr_tokenizer *t, const json_t *vocab, const char *where)
{
    size_t n = json_object_size(vocab), k = 0;
    if (!n)
        return dr_fail(DR_EINVAL, "cannot read '%s': no vocabulary in it (an object of token and id)", where);
    int32_t *ids = malloc(n * sizeof *ids);
    if (!ids)
        return dr_fail(DR_ENOMEM, "out of memory reading '%s'", where);
    dr_status st = DR_OK;
    const char *token;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)vocab, token, v)
    {
        json_int_t id = json_is_integer(v) ? json_integer_value(v) : -1;
        if (id < 0 || id >= DR_TOKEN_ID_MAX)
            st = dr_fail(DR_EINVAL, "cannot read '%s': the id of '%s' must be a whole number from 0 to %d", where,
                         strlen(token) <= 40 ? token : "a long token", DR_TOKEN_ID_MAX - 1);
        if (st)
            break;
        ids[k++] = (int32_t)id;
    }
    qsort(ids, k, sizeof *ids, compare_ids);
    for (size_t i = 1; !st && i < k; i++)
        if (ids[i] == ids[i - 1])
            st = dr_fail(DR_EINVAL, "cannot read '%s': the id %d is given to two tokens", where, ids[i]);
    t->vocab_size = k ? ids[k - 1] + 1 : 0;
    free(ids);
    return st;
}

static int32_t id_of(const json_t *vocab, const char *token)
{
    const json_t *v = json_object_get(vocab, token);
    return v ? (int32_t)json_integer_value(v) : -1;
}

/* --- merges ------------------------------------------------------------------------------------------ */

typedef struct merge_reader {
    dr_tokenizer *t;
    const json_t *vocab;
    const char *where;
    size_t cap;    /* of t->merges */
    char *scratch; /* the two halves, each with its 0, then both joined */
    size_t cap_scratch;
} merge_reader;

static dr_status merge_memory(merge_reader *r, size_t text)
{
    dr_tokenizer *t = r->t;
    if (text > r->cap_scratch) {
        char *s = realloc(r->scratch, 2 * text);
        if (!s)
            return dr_fail(DR_ENOMEM, "out of memory reading '%s'", r->where);
        r->scratch = s;
        r->cap_scratch = 2 * text;
    }
    if (t->n_merges == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 1 << 12;
        dr_merge *m = realloc(t->merges, cap * sizeof *m);
        if (!m)
            return dr_fail(DR_ENOMEM, "out of memory reading '%s'", r->where);
        t->merges = m;
        r->cap = cap;
    }
    return DR_OK;
}

static dr_status add_merge(merge_reader *r, const char *a, size_t na, const char *b, size_t nb)
{
    dr_status st = merge_memory(r, 2 * (na + nb) + 3);
    if (st)
        return st;
    char *left = r->scratch, *right = left + na + 1, *joined = right + nb + 1;
    memcpy(left, a, na);
    left[na] = 0;
    memcpy(right, b, nb);
    right[nb] = 0;
    memcpy(joined, a, na);
    memcpy(joined + na, b, nb);
    joined[na + nb] = 0;
    dr_merge m = {id_of(r->vocab, left), id_of(r->vocab, right), (int32_t)r->t->n_merges, id_of(r->vocab, joined)};
    if (m.left < 0 || m.right < 0 || m.id < 0)
        return dr_fail(DR_EINVAL,
                       "cannot read '%s': merge %zu names a token that is not in the vocabulary; vocabulary and "
                       "merges must be of the same tokenizer",
                       r->where, r->t->n_merges + 1);
    r->t->merges[r->t->n_merges++] = m;
    return DR_OK;
}

/* "a b" */
static dr_status add_merge_line(merge_reader *r, const char *line, size_t n)
{
    const char *blank = memchr(line, ' ', n);
    size_t na = blank ? (size_t)(blank - line) : 0;
    if (!blank || memchr(blank + 1, ' ', n - na - 1))
        return dr_fail(DR_EINVAL, "cannot read '%s': merge %zu must be two tokens with one blank between", r->where,
                       r->t->n_merges + 1);
    return add_merge(r, line, na, blank + 1, n - na - 1);
}

/* merges.txt: a line per merge, the first may be "#version: 0.2". */
static dr_status read_merges_text(merge_reader *r, const char *text, size_t n)
{
    if (memchr(text, 0, n))
        return dr_fail(DR_EINVAL, "cannot read '%s': it contains a 0 byte, so it is no text", r->where);
    dr_status st = dr_check_stand_in(text, n, r->where);
    const char *end = text + n;
    for (const char *next = text = dr_skip_bom(text); !st && text < end; text = next) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t len = (size_t)((newline ? newline : end) - text);
        next = newline ? newline + 1 : end;
        if (len && text[len - 1] == '\r')
            len--;
        if (len && strncmp(text, "#version", 8) != 0)
            st = add_merge_line(r, text, len);
    }
    return st;
}

/* tokenizer.json: "a b" or ["a","b"], as its version has it. */
static dr_status read_merges_json(merge_reader *r, const json_t *list)
{
    if (!json_is_array(list))
        return dr_fail(DR_EINVAL, "cannot read '%s': \"merges\" in \"model\" must be a list", r->where);
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < json_array_size(list); i++) {
        const json_t *m = json_array_get(list, i);
        const char *a = json_string_value(json_array_get(m, 0)), *b = json_string_value(json_array_get(m, 1));
        if (json_is_string(m))
            st = add_merge_line(r, json_string_value(m), json_string_length(m));
        else if (json_array_size(m) == 2 && a && b)
            st = add_merge(r, a, strlen(a), b, strlen(b));
        else
            st = dr_fail(DR_EINVAL, "cannot read '%s': merge %zu must be \"a b\" or [\"a\", \"b\"]", r->where, i + 1);
    }
    return st;
}

static int compare_merges(const void *x, const void *y)
{
    const dr_merge *a = x, *b = y;
    if (a->left != b->left)
        return a->left < b->left ? -1 : 1;
    if (a->right != b->right)
        return a->right < b->right ? -1 : 1;
    return (a->rank > b->rank) - (a->rank < b->rank);
}

/* Sorts by pair; of a pair given twice the later one counts, as in the reference. */
static void index_merges(dr_tokenizer *t)
{
    if (t->n_merges)
        qsort(t->merges, t->n_merges, sizeof *t->merges, compare_merges);
    size_t n = 0;
    for (size_t i = 0; i < t->n_merges; i++) {
        bool again = n && t->merges[n - 1].left == t->merges[i].left && t->merges[n - 1].right == t->merges[i].right;
        t->merges[again ? n - 1 : n++] = t->merges[i];
    }
    t->n_merges = n;
}

/* --- bytes ------------------------------------------------------------------------------------------- */

/* Vocabularies write bytes as printable characters: these stand for themselves, the others follow from U+0100 on
 * (bytes_to_unicode in OpenAI's CLIP). */
static bool stands_for_itself(int b)
{
    return (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
}

static void index_bytes(dr_tokenizer *t, const json_t *vocab)
{
    for (int b = 0, other = 0; b < 256; b++) {
        unsigned c = (unsigned)(stands_for_itself(b) ? b : 0x100 + other++);
        char name[8];
        int n = c < 0x80 ? 1 : 2;
        name[0] = (char)(n == 1 ? c : 0xc0 | c >> 6);
        name[1] = (char)(0x80 | (c & 0x3f));
        for (int last = 0; last < 2; last++) {
            strcpy(name + n, last ? "</w>" : "");
            int32_t id = id_of(vocab, name);
            t->byte_id[last][b] = id >= 0 ? id : t->unknown;
        }
    }
}

/* --- the folder -------------------------------------------------------------------------------------- */

static dr_status parse_if_there(const dr_tokenizer_file *f, const char *dir, const char *name, json_t **out)
{
    char where[PATH_MAX];
    *out = NULL;
    dr_status st = dr_path(where, sizeof where, dir, name);
    return st || !f->text ? st : dr_json_parse(f->text, f->n, where, out);
}

static dr_status read_vocab_and_merges(dr_tokenizer *t, const dr_tokenizer_files *f, const json_t *vocab,
                                       const json_t *model)
{
    char where[PATH_MAX];
    dr_status st = dr_path(where, sizeof where, f->dir, model ? "tokenizer.json" : "vocab.json");
    if (!st)
        st = check_vocab(t, vocab, where);
    if (!st && !model)
        st = dr_path(where, sizeof where, f->dir, "merges.txt");
    if (st)
        return st;
    merge_reader r = {.t = t, .vocab = vocab, .where = where};
    st = model ? read_merges_json(&r, json_object_get(model, "merges"))
               : read_merges_text(&r, f->merges.text, f->merges.n);
    free(r.scratch);
    index_merges(t);
    return st;
}

static dr_status build(dr_tokenizer *t, const dr_tokenizer_files *f, const json_t *vocab_file, dr_tokenizer_json *j)
{
    const json_t *model = j->tokenizer ? json_object_get(j->tokenizer, "model") : NULL;
    const json_t *type = json_object_get(model, "type");
    j->vocab = model ? json_object_get(model, "vocab") : vocab_file;
    if (j->tokenizer && !json_is_object(model))
        return dr_fail(DR_EINVAL, "cannot read '%s/tokenizer.json': \"model\" must be an object", f->dir);
    if (type && (!json_is_string(type) || strcmp(json_string_value(type), "BPE") != 0))
        return dr_fail(DR_EUNSUPPORTED, "cannot read '%s/tokenizer.json': the model must be of type \"BPE\"", f->dir);
    if (!model && (!vocab_file || !f->merges.text))
        return dr_fail(DR_ENOENT,
                       "cannot load the tokenizer '%s': it needs tokenizer.json, or both vocab.json and merges.txt",
                       f->dir);
    dr_status st = read_vocab_and_merges(t, f, j->vocab, model);
    if (!st)
        st = dr_tokenizer_special(t, j);
    if (!st)
        index_bytes(t, j->vocab);
    return st;
}

dr_status dr_tokenizer_parse(dr_tokenizer **out, const dr_tokenizer_files *f)
{
    *out = NULL;
    json_t *tokenizer = NULL, *vocab = NULL, *config = NULL, *special = NULL, *added = NULL;
    dr_tokenizer *t = calloc(1, sizeof *t);
    dr_status st = t ? DR_OK : dr_fail(DR_ENOMEM, "out of memory reading the tokenizer '%s'", f->dir);
    if (!st)
        st = parse_if_there(&f->tokenizer, f->dir, "tokenizer.json", &tokenizer);
    if (!st && !tokenizer)
        st = parse_if_there(&f->vocab, f->dir, "vocab.json", &vocab);
    if (!st)
        st = parse_if_there(&f->config, f->dir, "tokenizer_config.json", &config);
    if (!st)
        st = parse_if_there(&f->special, f->dir, "special_tokens_map.json", &special);
    if (!st)
        st = parse_if_there(&f->added, f->dir, "added_tokens.json", &added);
    if (!st) {
        dr_tokenizer_json j = {f->dir, NULL, tokenizer, config, special, added};
        st = build(t, f, vocab, &j);
    }
    json_decref(tokenizer);
    json_decref(vocab);
    json_decref(config);
    json_decref(special);
    json_decref(added);
    if (st)
        dr_tokenizer_free(t);
    else
        *out = t;
    return st;
}

static dr_status read_if_there(dr_tokenizer_file *f, const char *dir, const char *name)
{
    char path[PATH_MAX], *text = NULL;
    dr_status st = dr_path(path, sizeof path, dir, name);
    if (!st)
        st = dr_file_read(path, MAX_FILE, &text, &f->n);
    f->text = text;
    return st == DR_ENOENT ? DR_OK : st;
}

dr_status dr_tokenizer_load(dr_tokenizer **out, const char *dir)
{
    dr_tokenizer_files f = {.dir = dir};
    struct {
        dr_tokenizer_file *file;
        const char *name;
    } all[] = {{&f.tokenizer, "tokenizer.json"},
               {&f.vocab, "vocab.json"},
               {&f.merges, "merges.txt"},
               {&f.config, "tokenizer_config.json"},
               {&f.special, "special_tokens_map.json"},
               {&f.added, "added_tokens.json"}};
    *out = NULL;
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < sizeof all / sizeof all[0]; i++)
        st = read_if_there(all[i].file, dir, all[i].name);
    if (!st)
        st = dr_tokenizer_parse(out, &f);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free((char *)(uintptr_t)all[i].file->text);
    return st;
}

void dr_tokenizer_free(dr_tokenizer *t)
{
    if (!t)
        return;
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < t->n_added[k]; i++)
            free(t->added[k][i].text);
        free(t->added[k]);
    }
    free(t->merges);
    free(t);
}
