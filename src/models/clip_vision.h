/* CLIP's vision tower: a transformer over the patches of a picture; transformers' CLIPVisionModelWithProjection.
 *
 * Radford et al. 2021, arXiv:2103.00020; Dosovitskiy et al. 2020, arXiv:2010.11929.
 *
 *   x [N,S,S,3] -> patches of p x p -> [N,(S/p)^2,C], the class's embedding before them, + positions -> norm
 *   -> layers x (norm, attention, norm, mlp) -> the class's place -> norm [N,C] -> projection [N,P]
 *
 *   ViT-B/32: S 224, p 32, C 768, 12 layers, 12 heads, P 512.  ViT-L/14: S 224, p 14, C 1024, 24 layers, 16 heads, P
 * 768.
 *
 * Details that have caused bugs: the patches' convolution has no bias, and neither has the projection; the first norm
 * is called pre_layrnorm in published files; what does not fill a patch at the right and bottom is not looked at. */
#ifndef DR_MODELS_CLIP_VISION_H
#define DR_MODELS_CLIP_VISION_H

#include "models/clip_layer.h"

#define DR_CLIP_MAX_TOKENS 4096

typedef struct dr_clip_vision_config {
    int width, mlp, layers, heads;
    int size, patch; /* pixels of the picture and of a patch, both square */
    int projection;
    dr_act act;
    float eps;
} dr_clip_vision_config;

typedef struct dr_clip_vision {
    dr_clip_vision_config config;
    int tokens; /* (size / patch)^2, and the class */
    dr_conv patches;
    dr_tensor *class, *places; /* [C], [tokens,C] */
    dr_norm before, after;
    dr_clip_layer layer[DR_CLIP_MAX_LAYERS];
    dr_lin projection;
} dr_clip_vision;

/** From config.json: a vision tower's own, or a whole CLIP's with "vision_config" in it. */
dr_status dr_clip_vision_config_parse(dr_clip_vision_config *c, const json_t *j, const char *where);

/** Declares the parameters, under transformers' names without the `vision_model.` prefix. */
dr_status dr_clip_vision_init(dr_clip_vision *m, const dr_clip_vision_config *c, dr_params *p);

/** x [N,size,size,3], normalised -> [N,projection], not of unit length yet. */
dr_tensor *dr_clip_vision_forward(dr_tape *g, const dr_clip_vision *m, dr_tensor *x);

#endif
