/* CLIP's vocabulary from its merges alone: 256 bytes as characters, the same at the end of a word, one token per merge,
 * and two marks. Radford et al. 2019 (GPT-2) for the bytes, 2021 (CLIP, arXiv:2103.00020) for the rest. */
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "pipeline/folder.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* data/clip/merges.txt, made by cmake/embed.cmake */
extern const unsigned char dr_clip_merges[];
extern const size_t dr_clip_merges_size;

/* The character that stands for a byte: itself where it is printable, else 256, 257, ... in order. */
static void byte_characters(int order[256], int character[256])
{
    int n = 0, next = 256;
    for (int b = 0; b < 256; b++)
        if ((b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae) {
            character[b] = b;
            order[n++] = b;
        }
    for (int b = 0; b < 256; b++)
        if (!((b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae)) {
            character[b] = next++;
            order[n++] = b;
        }
}

static bool add(json_t *vocab, const char *token)
{
    return json_object_set_new(vocab, token, json_integer((json_int_t)json_object_size(vocab))) == 0;
}

static bool add_bytes(json_t *vocab, const char *end)
{
    int order[256], character[256];
    byte_characters(order, character);
    for (int i = 0; i < 256; i++) {
        int c = character[order[i]];
        char token[16];
        if (c < 0x80)
            snprintf(token, sizeof token, "%c%s", c, end);
        else
            snprintf(token, sizeof token, "%c%c%s", 0xc0 | c >> 6, 0x80 | (c & 63), end);
        if (!add(vocab, token))
            return false;
    }
    return true;
}

/* Lines "a b" behind the first, a version mark. */
static bool add_merges(json_t *vocab)
{
    const char *text = (const char *)dr_clip_merges, *end = text + dr_clip_merges_size;
    for (const char *line = memchr(text, '\n', dr_clip_merges_size); line && ++line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        const char *space = memchr(line, ' ', (size_t)(end - line));
        char token[256];
        if (!stop || !space || space > stop || stop - line >= (ptrdiff_t)sizeof token)
            return false;
        snprintf(token, sizeof token, "%.*s%.*s", (int)(space - line), line, (int)(stop - space - 1), space + 1);
        if (!add(vocab, token))
            return false;
        line = stop;
    }
    return true;
}

/* vocab.json, malloc'ed; NULL when out of memory. */
static char *vocab_text(void)
{
    json_t *vocab = json_object();
    bool ok = vocab && add_bytes(vocab, "") && add_bytes(vocab, "</w>") && add_merges(vocab) &&
              add(vocab, "<|startoftext|>") && add(vocab, "<|endoftext|>");
    char *text = ok ? json_dumps(vocab, 0) : NULL;
    DR_ASSERT(!ok || json_object_size(vocab) == DR_CLIP_VOCAB, "%zu tokens", json_object_size(vocab));
    json_decref(vocab);
    return text;
}

static json_t *special(const char *content)
{
    return json_pack("{s:s, s:b, s:b, s:b, s:b}", "content", content, "lstrip", 0, "normalized", 1, "rstrip", 0,
                     "single_word", 0);
}

/* The marks, in both places where loaders look. */
typedef struct marks {
    json_t *map, *config;
} marks;

static dr_status make_marks(marks *m, const char *pad_token)
{
    m->map = json_pack("{s:o, s:o, s:s, s:o}", "bos_token", special("<|startoftext|>"), "eos_token",
                       special("<|endoftext|>"), "pad_token", pad_token, "unk_token", special("<|endoftext|>"));
    m->config = json_pack("{s:b, s:b, s:s, s:i, s:s}", "add_prefix_space", 0, "do_lower_case", 1, "errors", "replace",
                          "model_max_length", 77, "tokenizer_class", "CLIPTokenizer");
    if (!m->map || !m->config || json_object_update(m->config, m->map) != 0)
        return dr_fail(DR_EINVAL, "the pad token '%s' is not UTF-8", pad_token);
    return DR_OK;
}

static void clear_marks(marks *m)
{
    json_decref(m->map);
    json_decref(m->config);
}

/* --- a folder ----------------------------------------------------------------------------------- */

static dr_status write_vocab(const char *path)
{
    char *text = vocab_text();
    dr_status st =
        text ? dr_file_write(path, text, strlen(text)) : dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    free(text);
    return st;
}

static dr_status write_marks(const char *dir, const char *pad_token)
{
    char path[PATH_MAX];
    marks m = {0};
    dr_status st = make_marks(&m, pad_token);
    if (!st)
        st = dr_path(path, sizeof path, dir, "tokenizer", "special_tokens_map.json");
    if (!st)
        st = dr_json_save(path, m.map);
    if (!st)
        st = dr_path(path, sizeof path, dir, "tokenizer", "tokenizer_config.json");
    if (!st)
        st = dr_json_save(path, m.config);
    clear_marks(&m);
    return st;
}

dr_status dr_clip_vocab_write(const char *dir, const char *pad_token)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, dir, "tokenizer");
    if (!st)
        st = dr_mkdirs(path);
    if (!st)
        st = dr_path(path, sizeof path, dir, "tokenizer", "merges.txt");
    if (!st)
        st = dr_file_write(path, dr_clip_merges, dr_clip_merges_size);
    if (!st)
        st = dr_path(path, sizeof path, dir, "tokenizer", "vocab.json");
    if (!st)
        st = write_vocab(path);
    return st ? st : write_marks(dir, pad_token);
}

/* --- a tokenizer -------------------------------------------------------------------------------- */

static dr_tokenizer_file in_memory(const char *text, size_t n)
{
    return (dr_tokenizer_file){text, text ? n : 0};
}

dr_status dr_clip_vocab_open(dr_tokenizer **out, const char *pad_token)
{
    marks m = {0};
    *out = NULL;
    dr_status st = make_marks(&m, pad_token);
    char *config = st ? NULL : json_dumps(m.config, 0), *vocab = config ? vocab_text() : NULL;
    char *merges = vocab ? malloc(dr_clip_merges_size + 1) : NULL;
    if (merges) {
        memcpy(merges, dr_clip_merges, dr_clip_merges_size);
        merges[dr_clip_merges_size] = 0;
        st = dr_tokenizer_parse(out, &(dr_tokenizer_files){.dir = "CLIP's vocabulary",
                                                           .vocab = in_memory(vocab, strlen(vocab)),
                                                           .merges = in_memory(merges, dr_clip_merges_size),
                                                           .config = in_memory(config, strlen(config))});
    } else if (!st) {
        st = dr_fail(DR_ENOMEM, "out of memory reading CLIP's vocabulary");
    }
    free(config);
    free(vocab);
    free(merges);
    clear_marks(&m);
    return st;
}
