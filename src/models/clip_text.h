/* The CLIP text encoder: a causal transformer over 77 tokens.
 *
 * Radford et al. 2021, arXiv:2103.00020. Same as transformers' CLIPTextModel, whose last_hidden_state
 * (after the final layer norm) conditions the UNet.
 *
 *   ids [N,77] -> embeddings [N,77,C] -> layers x (norm, attention, norm, mlp) -> final norm [N,77,C]
 *
 * Details that have caused bugs: SD 2 uses exact gelu, SD 1 quick_gelu; SD 2's 23 layers are OpenCLIP's
 * 24 less the last; attention is causal and padding is not masked. */
#ifndef DR_MODELS_CLIP_TEXT_H
#define DR_MODELS_CLIP_TEXT_H

#include "models/clip_layer.h"

typedef struct dr_clip_config {
    int vocab, width, mlp, layers, heads, positions;
    dr_act act;
    float eps;
} dr_clip_config;

typedef struct dr_clip_text {
    dr_clip_config config;
    dr_tensor *tokens, *places; /* [vocab,C], [positions,C] */
    dr_clip_layer layer[DR_CLIP_MAX_LAYERS];
    dr_norm final;
    const float *words; /* [word_count,C]: what ids from config.vocab on stand for, the host's; NULL: there are none */
    int word_count;
    int skip; /* last layers that are left out, less than config.layers; the final norm is not. diffusers' clip_skip */
} dr_clip_text;

/** From text_encoder/config.json. Values that cannot be right are DR_EINVAL, naming `where`. */
dr_status dr_clip_config_parse(dr_clip_config *c, const json_t *j, const char *where);

/** Declares the parameters, under transformers' names without the `text_model.` prefix. */
dr_status dr_clip_init(dr_clip_text *m, const dr_clip_config *c, dr_params *p);

/** Calls fn for the projections of every attention: q_proj, k_proj, v_proj, out_proj. */
void dr_clip_each_attention(dr_clip_text *m, void (*fn)(void *user, dr_lin *l), void *user);

/** ids [N*L], below config.vocab plus word_count, L at most config.positions -> [N,L,C]. */
dr_tensor *dr_clip_forward(dr_tape *g, const dr_clip_text *m, const int32_t *ids, int64_t N, int64_t L);

#endif
