/* CLIP's byte-pair tokenizer.
 *
 * Text is normalised (Unicode NFC, whitespace collapsed, lower-cased), split by CLIP's pattern, mapped to
 * bytes-as-characters, and merged pair by pair. Radford et al. 2021 (arXiv:2103.00020); same ids as
 * transformers' CLIPTokenizer. */
#ifndef DR_MODELS_TOKENIZER_H
#define DR_MODELS_TOKENIZER_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DR_TOKENS 77
#define DR_CHUNK 75       /* tokens of the text among them: the rest are its start and end */
#define DR_LONG_CHUNKS 32 /* of a long prompt, at most */

typedef struct dr_tokenizer dr_tokenizer;

/** Reads a tokenizer folder: vocab.json + merges.txt, or tokenizer.json; pad and special tokens from
 *  tokenizer_config.json / special_tokens_map.json (strings or {"content": ...}); default pad: end of text. */
dr_status dr_tokenizer_load(dr_tokenizer **out, const char *dir);

/* The files of a tokenizer folder as they lie in memory; text NULL: not there. */
typedef struct dr_tokenizer_file {
    const char *text;
    size_t n;
} dr_tokenizer_file;

typedef struct dr_tokenizer_files {
    const char *dir;                 /* for messages */
    dr_tokenizer_file tokenizer;     /* tokenizer.json; has precedence over the next two */
    dr_tokenizer_file vocab, merges; /* vocab.json, merges.txt */
    dr_tokenizer_file config;        /* tokenizer_config.json */
    dr_tokenizer_file special;       /* special_tokens_map.json */
    dr_tokenizer_file added;         /* added_tokens.json */
} dr_tokenizer_files;

/** dr_tokenizer_load() on files in memory. Each text ends in a 0 byte that `n` does not count. */
dr_status dr_tokenizer_parse(dr_tokenizer **out, const dr_tokenizer_files *files);

void dr_tokenizer_free(dr_tokenizer *t);

/** ids[77]: start, tokens (truncated), end, padding. `*count` (may be NULL): tokens before truncation without
 *  start and end, so that the caller can warn about a prompt that is too long. Any bytes are accepted;
 *  invalid UTF-8 becomes U+FFFD. A text of more than 1 MiB is DR_EINVAL. */
dr_status dr_tokenizer_encode(const dr_tokenizer *t, const char *text, int32_t ids[DR_TOKENS], int *count);

/** The end of `text` that dr_tokenizer_encode() leaves out, as the tokens spell it: in small letters, a broken word
 * from where it breaks. `weights`: the text without what weights it (models/prompt_weights.h). `*cut` is malloc'ed
 * UTF-8, yours; NULL when all of the text fits. */
dr_status dr_tokenizer_cut(const dr_tokenizer *t, const char *text, bool weights, char **cut);

/** A prompt as a text encoder gets it. */
typedef struct dr_prompt_tokens {
    int32_t *ids;  /* [chunks][77] */
    float *weight; /* [chunks][77]: 1 for start, end and padding; NULL: 1 for all */
    int chunks;
} dr_prompt_tokens;

/* How a prompt is read; 0 is dr_tokenizer_encode(). */
enum { DR_PROMPT_LONG = 1, DR_PROMPT_WEIGHTS = 2 };

/**
 * Reads a prompt.
 *
 * DR_PROMPT_LONG: to its end, as AUTOMATIC1111 does, in chunks of 75 tokens, each with start, end and padding of its
 * own. A chunk that would break a phrase ends behind its last comma instead, if that is at most 20 tokens back; the
 * word BREAK begins a new one; a learned word of several tokens is never broken.
 *
 * DR_PROMPT_WEIGHTS: with weights (models/prompt_weights.h); without this brackets and numbers are read as text.
 *
 * @return DR_EINVAL for more than DR_LONG_CHUNKS chunks, or what dr_prompt_pieces() refuses
 */
dr_status dr_tokenizer_prompt(const dr_tokenizer *t, const char *text, unsigned how, dr_prompt_tokens *out);
void dr_prompt_tokens_clear(dr_prompt_tokens *p);

/** Makes a word mean `count` tokens, id to id + count - 1, wherever it stands in a text, in capitals or not. The ids
 *  are beyond the vocabulary. Not while another thread encodes. DR_EINVAL for a word that means something already. */
dr_status dr_tokenizer_add_word(dr_tokenizer *t, const char *word, int32_t id, int32_t count);

int dr_tokenizer_vocab_size(const dr_tokenizer *t);

#endif
