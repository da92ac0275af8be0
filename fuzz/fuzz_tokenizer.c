/* libFuzzer: any bytes as a prompt, and as the files of a tokenizer folder.
 *
 * Byte 0 of an input is 'T' for a prompt, whose ids must be some of the vocabulary. Anything else starts a folder:
 * the texts, each up to a 0 byte, of tokenizer.json, vocab.json, merges.txt, tokenizer_config.json,
 * special_tokens_map.json and added_tokens.json (an empty one is not there), then a prompt for it.
 *
 * Prompts are encoded with the folder in DRAPE_FUZZ_TOKENIZER, else with that of the tests.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE
 *         -DDR_SOURCE_DIR='"'$PWD'"' -Isrc $(pkg-config --cflags glib-2.0) fuzz/fuzz_tokenizer.c
 *         src/models/tokenizer*.c src/base/{file,json,status}.c $(pkg-config --libs glib-2.0 jansson) -lm
 *         -o fuzz_tokenizer
 *   ./fuzz_tokenizer -dict=fuzz/tokenizer.dict corpus fuzz/seeds/tokenizer */
#include "models/tokenizer_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const dr_tokenizer *clip(void)
{
    static dr_tokenizer *t;
    const char *dir = getenv("DRAPE_FUZZ_TOKENIZER");
    if (!t && dr_tokenizer_load(&t, dir ? dir : DR_SOURCE_DIR "/tests/golden/clip-tokenizer")) {
        fprintf(stderr, "%s\n", dr_error());
        exit(1);
    }
    return t;
}

static void check_prompt(const dr_tokenizer *t, const char *text)
{
    int32_t ids[DR_TOKENS];
    int count = -1;
    if (dr_tokenizer_encode(t, text, ids, &count)) {
        DR_ASSERT(strlen(text) > DR_PROMPT_BYTES_MAX, "%s", dr_error());
        return;
    }
    DR_ASSERT(count >= 0 && (size_t)count <= 12 * strlen(text), "%d tokens of %zu bytes", count, strlen(text));
    for (int i = 0; i < DR_TOKENS; i++)
        DR_ASSERT(ids[i] >= 0 && ids[i] < dr_tokenizer_vocab_size(t), "id %d of %d", ids[i],
                  dr_tokenizer_vocab_size(t));
    int end = count < DR_TOKENS - 2 ? count + 1 : DR_TOKENS - 1;
    DR_ASSERT(ids[0] == t->start && ids[end] == t->end, "%d tokens without their start or end", count);
}

/* The long way, with weights and without: every chunk is framed, and what is cut off is text. */
static void check_long(const dr_tokenizer *t, const char *text)
{
    char *cut;
    for (unsigned how = 0; how < 4; how++) {
        dr_prompt_tokens p;
        if (dr_tokenizer_prompt(t, text, how, &p))
            continue;
        DR_ASSERT(p.chunks >= 1 && p.chunks <= (how & DR_PROMPT_LONG ? DR_LONG_CHUNKS : 1), "%d chunks", p.chunks);
        for (int i = 0; i < p.chunks * DR_TOKENS; i += DR_TOKENS)
            DR_ASSERT(p.ids[i] == t->start && (!p.weight || p.weight[i] == 1), "chunk %d without its start",
                      i / DR_TOKENS);
        dr_prompt_tokens_clear(&p);
    }
    for (int weights = 0; weights < 2; weights++)
        if (!dr_tokenizer_cut(t, text, weights, &cut))
            free(cut);
}

/* The text up to the next 0 byte; moves on behind it. NULL when nothing is left or the text is empty. */
static dr_tokenizer_file next_file(char **at, char *end)
{
    dr_tokenizer_file f = {NULL, 0};
    if (*at < end && **at)
        f = (dr_tokenizer_file){*at, strlen(*at)};
    *at += *at < end ? f.n + 1 : 0;
    return f;
}

static void try_folder(char *text, size_t size)
{
    char *end = text + size;
    dr_tokenizer_file f[FILES + 1];
    dr_tokenizer *t;
    for (int i = 0; i < FILES + 1; i++)
        f[i] = next_file(&text, end);
    dr_tokenizer_files files = {"fuzz", f[0], f[1], f[2], f[3], f[4], f[5]};
    if (dr_tokenizer_parse(&t, &files)) {
        DR_ASSERT(!t && dr_error()[0], "a failure without a message");
        return;
    }
    check_prompt(t, f[FILES].text ? f[FILES].text : "a ab <|endoftext|>");
    check_long(t, f[FILES].text ? f[FILES].text : "a ab <|endoftext|>");
    dr_tokenizer_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    if (text[0] == 'T') {
        check_prompt(clip(), text + 1);
        check_long(clip(), text + 1);
    } else
        try_folder(text + (size > 0), size - (size > 0));
    free(text);
    return 0;
}
