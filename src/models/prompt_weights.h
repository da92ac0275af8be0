/* Weights in a prompt, as AUTOMATIC1111 writes them (parse_prompt_attention in its modules/prompt_parser.py, 1.10):
 *
 *   (x)      1.1 times as strong         [x]       1/1.1 times
 *   (x:1.3)  1.3 times                   \( \) \[ \] \\   the characters themselves
 *
 * Brackets nest, and their factors multiply; one that is never closed reaches to the end. */
#ifndef DR_MODELS_PROMPT_WEIGHTS_H
#define DR_MODELS_PROMPT_WEIGHTS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

#define DR_PROMPT_PIECES_MAX 8192

/* A part of a prompt of one weight. */
typedef struct dr_prompt_piece {
    char *text;
    double weight; /* -1 and "BREAK": the end of a chunk */
} dr_prompt_piece;

/** Splits at brackets and, with `breaks`, at the word BREAK; neighbours of equal weight are one piece. There is at
 *  least one. DR_EINVAL for more pieces than DR_PROMPT_PIECES_MAX or a weight beyond all bounds. */
dr_status dr_prompt_pieces(const char *text, bool breaks, dr_prompt_piece **out, size_t *count);
void dr_prompt_pieces_free(dr_prompt_piece *p, size_t count);

bool dr_prompt_is_break(const dr_prompt_piece *p);

/** The next BREAK of text[0..n) that is a word of its own, NULL if there is none. */
const char *dr_prompt_find_break(const char *text, size_t n);

#endif
