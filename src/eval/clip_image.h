/* How alike two pictures are to CLIP: the cosine between the embeddings of its vision tower.
 *
 * Radford et al. 2021, arXiv:2103.00020; transformers' CLIPVisionModelWithProjection and CLIPImageProcessor. Pictures
 * are resized by PIL's bicubic so that the shorter edge fits, and the middle square is what the tower sees. */
#ifndef DR_EVAL_CLIP_IMAGE_H
#define DR_EVAL_CLIP_IMAGE_H

#include "base/status.h"
#include "io/image.h"

typedef struct dr_clip_image dr_clip_image;

/** `dir` is a folder of transformers: config.json, weights, preprocessor_config.json (OpenAI's values without it). */
dr_status dr_clip_image_open(dr_clip_image **out, const char *dir);
/** The same from a folder as `drape pull --backbones` makes it, which has that one in it. */
dr_status dr_clip_image_open_in(dr_clip_image **out, const char *dir);
/** Safe on NULL. */
void dr_clip_image_close(dr_clip_image *c);

/** Values of an embedding. */
int dr_clip_image_size(const dr_clip_image *c);

/** What its embeddings depend on, as text, for whoever keeps them. */
#define DR_CLIP_IMAGE_WHAT 64
void dr_clip_image_what(const dr_clip_image *c, char out[DR_CLIP_IMAGE_WHAT]);

/** The embeddings of n pictures of 3 channels and any sizes, of length 1: out [n][dr_clip_image_size()]. */
dr_status dr_clip_image_features(dr_clip_image *c, const dr_image *pictures, int n, float *out);

/** The cosine of two embeddings, -1..1. */
double dr_clip_image_similarity(const float *a, const float *b, int size);

#endif
