/* CLIP's vocabulary from its merges alone: 256 bytes as characters, the same at the end of a word, one token per merge,
 * and two marks. Radford et al. 2019 (GPT-2) for the bytes, 2021 (CLIP, arXiv:2103.00020) for the rest. */
#include "base/file.h"
#include "base/json.h"
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

static dr_status write_vocab(const char *path)
{
    json_t *vocab = json_object();
    bool ok = vocab && add_bytes(vocab, "") && add_bytes(vocab, "</w>") && add_merges(vocab) &&
              add(vocab, "<|startoftext|>") && add(vocab, "<|endoftext|>");
    char *text = ok ? json_dumps(vocab, 0) : NULL;
    dr_status st = text ? DR_OK : dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    DR_ASSERT(!ok || json_object_size(vocab) == DR_CLIP_VOCAB, "%zu tokens", json_object_size(vocab));
    json_decref(vocab);
    if (!st)
        st = dr_file_write(path, text, strlen(text));
    free(text);
    return st;
}

static json_t *special(const char *content)
{
    return json_pack("{s:s, s:b, s:b, s:b, s:b}", "content", content, "lstrip", 0, "normalized", 1, "rstrip", 0,
                     "single_word", 0);
}

/* The marks, in both places where loaders look. */
static dr_status write_marks(const char *dir, const char *pad_token)
{
    char path[PATH_MAX];
    json_t *map = json_pack("{s:o, s:o, s:s, s:o}", "bos_token", special("<|startoftext|>"), "eos_token",
                            special("<|endoftext|>"), "pad_token", pad_token, "unk_token", special("<|endoftext|>"));
    json_t *config = json_pack("{s:b, s:b, s:s, s:i, s:s}", "add_prefix_space", 0, "do_lower_case", 1, "errors",
                               "replace", "model_max_length", 77, "tokenizer_class", "CLIPTokenizer");
    dr_status st = DR_OK;
    if (!map || !config || json_object_update(config, map) != 0)
        st = dr_fail(DR_EINVAL, "the pad token '%s' is not UTF-8", pad_token);
    if (!st)
        st = dr_folder_path(path, sizeof path, dir, "tokenizer", "special_tokens_map.json");
    if (!st)
        st = dr_json_save(path, map);
    if (!st)
        st = dr_folder_path(path, sizeof path, dir, "tokenizer", "tokenizer_config.json");
    if (!st)
        st = dr_json_save(path, config);
    json_decref(map);
    json_decref(config);
    return st;
}

dr_status dr_clip_vocab_write(const char *dir, const char *pad_token)
{
    char path[PATH_MAX];
    dr_status st = dr_folder_path(path, sizeof path, dir, "tokenizer", "");
    if (!st)
        st = dr_mkdirs(path);
    if (!st)
        st = dr_folder_path(path, sizeof path, dir, "tokenizer", "merges.txt");
    if (!st)
        st = dr_file_write(path, dr_clip_merges, dr_clip_merges_size);
    if (!st)
        st = dr_folder_path(path, sizeof path, dir, "tokenizer", "vocab.json");
    if (!st)
        st = write_vocab(path);
    return st ? st : write_marks(dir, pad_token);
}
