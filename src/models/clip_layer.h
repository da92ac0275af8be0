/* The transformer layer that CLIP's text encoder and vision tower share.
 *
 * Radford et al. 2021, arXiv:2103.00020: norm, attention, + ; norm, mlp, + . transformers' CLIPEncoderLayer.
 *
 * Details that have caused bugs: OpenAI's models have quick_gelu, OpenCLIP's exact gelu; the text's attention is
 * causal, the vision's is not. */
#ifndef DR_MODELS_CLIP_LAYER_H
#define DR_MODELS_CLIP_LAYER_H

#include "base/json.h"
#include "nn/layers.h"

#define DR_CLIP_MAX_LAYERS 64

typedef struct dr_clip_size {
    int width, mlp, heads;
    dr_act act;
    float eps;
    bool causal;
} dr_clip_size;

typedef struct dr_clip_layer {
    dr_norm norm1, norm2;
    dr_lin q, k, v, out, fc1, fc2;
    int heads;
    dr_act act;
    bool causal;
} dr_clip_layer;

/** "hidden_act" of a config. */
dr_status dr_clip_act_parse(const json_t *j, const char *where, dr_act *out);

void dr_clip_layer_init(dr_params *p, dr_clip_layer *l, const char *name, const dr_clip_size *c);

/** self: a dr_clip_layer; in[0] [N,L,C] -> [N,L,C]. */
dr_tensor *dr_clip_layer_forward(dr_tape *g, const void *self, dr_tensor *const *in);

#endif
