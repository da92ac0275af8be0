/* CLIP's byte-pair tokenizer.
 *
 * Text is normalised (Unicode NFC, whitespace collapsed, lower-cased), split by CLIP's pattern, mapped to
 * bytes-as-characters, and merged pair by pair. Radford et al. 2021 (arXiv:2103.00020); same ids as
 * transformers' CLIPTokenizer. */
#ifndef DR_MODELS_TOKENIZER_H
#define DR_MODELS_TOKENIZER_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define DR_TOKENS 77

typedef struct dr_tokenizer dr_tokenizer;

/** Reads a tokenizer folder: vocab.json + merges.txt, or tokenizer.json; pad and special tokens from
 *  tokenizer_config.json / special_tokens_map.json (strings or {"content": ...}); default pad: end of text. */
dr_status dr_tokenizer_load(dr_tokenizer **out, const char *dir);
void dr_tokenizer_free(dr_tokenizer *t);

/** ids[77]: start, tokens (truncated), end, padding. `*count` (may be NULL): tokens before truncation without
 *  start and end, so that the caller can warn about a prompt that is too long. Any bytes are accepted;
 *  invalid UTF-8 becomes U+FFFD. A text of more than 1 MiB is DR_EINVAL. */
dr_status dr_tokenizer_encode(const dr_tokenizer *t, const char *text, int32_t ids[DR_TOKENS], int *count);

int dr_tokenizer_vocab_size(const dr_tokenizer *t);

#endif
