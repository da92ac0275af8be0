/* What the tokenizer's files share; nothing outside src/models, its tests and its fuzzer includes this. */
#ifndef DR_MODELS_TOKENIZER_INTERNAL_H
#define DR_MODELS_TOKENIZER_INTERNAL_H

#include "models/tokenizer.h"

#include <jansson.h>
#include <stdbool.h>

#define DR_TOKEN_ID_MAX ((int32_t)1 << 24)    /* ids are below this; CLIP's vocabulary has 49408 */
#define DR_ADDED_TEXT_MAX 256                 /* code points of an added token */
#define DR_PROMPT_BYTES_MAX ((size_t)1 << 20) /* of a text given to encode */

/* Two neighbouring tokens that become one; merges of a low rank go first. */
typedef struct dr_merge {
    int32_t left, right;
    int32_t rank, id;
} dr_merge;

/* A token that is found in the text as it stands, before any splitting: <|endoftext|>, a learned word. */
typedef struct dr_added_token {
    uint32_t *text; /* code points, `n` of them */
    size_t n;
    int32_t id;
    bool single_word; /* not when letters or digits touch it */
    int32_t count;    /* tokens that it is, with the ids from `id` on; 0 is 1 */
} dr_added_token;

struct dr_tokenizer {
    dr_merge *merges; /* sorted by left, right; each pair once */
    size_t n_merges;
    int32_t byte_id[2][256];  /* token of a byte inside a word [0] and at its end [1] */
    dr_added_token *added[2]; /* looked for as written [0], in normalised text [1]; sorted by text, each once */
    size_t n_added[2];
    int32_t start, end, pad, unknown;
    int vocab_size; /* largest id plus one */
};

/* --- tokenizer_text.c: Unicode ---------------------------------------------------------------------- */

/* Code points; zero-initialise, free with dr_points_clear. */
typedef struct dr_points {
    uint32_t *c;
    size_t n, cap;
} dr_points;

void dr_points_clear(dr_points *t);

/** Appends UTF-8; each maximal part of a broken sequence becomes one U+FFFD, as in Python and Rust. */
dr_status dr_points_decode(dr_points *out, const char *s, size_t n);

/** Replaces `out` by the normalised text: NFC, each run of white space one blank, lower case. */
dr_status dr_points_normalize(dr_points *out, const uint32_t *c, size_t n);

typedef enum dr_char_class { DR_CHAR_SPACE, DR_CHAR_LETTER, DR_CHAR_DIGIT, DR_CHAR_OTHER } dr_char_class;
dr_char_class dr_char_class_of(uint32_t c);
bool dr_char_is_word(uint32_t c); /* \w */

/* --- tokenizer_unicode.c: single characters as the reference's own tables have them ------------------ */

uint32_t dr_char_lower(uint32_t c); /* the first character of it: U+0130 has two, "i" and U+0307 */
int dr_char_combining(uint32_t c);  /* canonical combining class */
/** Canonical decomposition into at most 18 code points; returns their number. */
size_t dr_char_decompose(uint32_t c, uint32_t out[18]);
/** The character that `a` and `b` compose to, 0 if none. */
uint32_t dr_char_compose(uint32_t a, uint32_t b);

/* --- tokenizer_bpe.c: one word ---------------------------------------------------------------------- */

typedef struct dr_bpe_symbol {
    int32_t id; /* -1 once it is part of the symbol left of it */
    int32_t prev, next;
} dr_bpe_symbol;

typedef struct dr_bpe_candidate {
    int32_t rank, at, id;
} dr_bpe_candidate;

/* Work space that grows to the longest word; zero-initialise, free with dr_bpe_clear. */
typedef struct dr_bpe {
    dr_bpe_symbol *symbols; /* the word's tokens are those with id >= 0, in order */
    size_t n_symbols, cap_symbols;
    dr_bpe_candidate *heap;
    size_t n_heap, cap_heap;
} dr_bpe;

void dr_bpe_clear(dr_bpe *b);
dr_status dr_bpe_word(const dr_tokenizer *t, dr_bpe *b, const uint32_t *c, size_t n);

/* --- tokenizer.c ------------------------------------------------------------------------------------ */

/** All tokens of text[0..bytes), without start and end. `*ids` is malloc'ed; NULL when there are none. */
dr_status dr_tokenizer_tokens(const dr_tokenizer *t, const char *text, size_t bytes, int32_t **ids, size_t *count);

/** tokenizer_words.c: how many of ids[0..n), n > 0, are one learned word that begins at the first; 1 for all others. */
size_t dr_tokenizer_run(const dr_tokenizer *t, const int32_t *ids, size_t n);

/** The model's input for the first 75 of `count` tokens: start, tokens, end, padding. */
void dr_tokenizer_frame(const dr_tokenizer *t, const int32_t *tokens, size_t count, int32_t ids[DR_TOKENS]);

/* --- loading ---------------------------------------------------------------------------------------- */

/* The JSON of a tokenizer folder; all but vocab may be NULL. */
typedef struct dr_tokenizer_json {
    const char *dir;
    const json_t *vocab; /* token -> id, checked */
    const json_t *tokenizer, *config, *special, *added;
} dr_tokenizer_json;

/** tokenizer_special.c: fills start, end, pad, unknown, the added tokens and vocab_size of `t`, whose
 *  vocab_size counts the vocabulary so far. */
dr_status dr_tokenizer_special(dr_tokenizer *t, const dr_tokenizer_json *j);

#endif
