/* Words that were learned beside a text encoder's vocabulary: textual inversion, Gal et al. 2022, arXiv:2208.01618.
 *
 * An embedding file has the vectors of one word. Read are safetensors and what torch.save wrote, in these forms:
 *
 *   emb_params [n,C]                  AUTOMATIC1111's, safetensors
 *   string_to_param {"*": [n,C]}      the same, .pt
 *   {"<word>": [C] or [n,C]}          diffusers', .bin or .safetensors
 *
 * and bundle_emb.WORD.string_to_param.* in an adapter's file. */
#ifndef DR_PIPELINE_LEARNED_WORDS_H
#define DR_PIPELINE_LEARNED_WORDS_H

#include "io/tensor_file.h"
#include "models/clip_text.h"
#include "models/tokenizer.h"

#define DR_LEARNED_VECTORS_MAX DR_CHUNK /* of one word: more do not fit into a prompt */

typedef struct dr_learned_word {
    char *word, *path;
    int first, count; /* of its vectors among all */
} dr_learned_word;

typedef struct dr_learned_words {
    dr_learned_word *word;
    int count;
    int width;     /* C of the text encoder; set by dr_learned_words_init() */
    float *vector; /* [vectors,C] */
    int vectors;
    bool misfit; /* the last file was refused for its width alone */
} dr_learned_words;

void dr_learned_words_init(dr_learned_words *w, int width);
void dr_learned_words_clear(dr_learned_words *w);

/**
 * Adds the word of an embedding file, or of a folder with learned_embeds.safetensors or .bin in it.
 *
 * @param word  NULL: diffusers' own in the file, else the file's name without its ending
 * @return DR_EINVAL for a file that is no embedding, or of another width than the text encoder's, with both
 */
dr_status dr_learned_words_open(dr_learned_words *w, const char *path, const char *word);

/** Adds the words that are bundled with an adapter; none is DR_OK. */
dr_status dr_learned_words_bundled(dr_learned_words *w, const dr_tensor_file *adapter);

/** Makes the words known to a tokenizer and a text encoder, whose own tables stay as they are. `w` must outlive
 *  both. */
dr_status dr_learned_words_teach(const dr_learned_words *w, dr_tokenizer *t, int vocab);
void dr_learned_words_lend(const dr_learned_words *w, dr_clip_text *m);

#endif
