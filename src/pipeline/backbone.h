/* Published networks that measures of pictures stand on: loading each from the file or folder that it is published in.
 *
 *   AlexNet, VGG16, SqueezeNet 1.1   torchvision's files, of which `features` is read
 *   LPIPS's weights                  the `lpips` package's v0.1/NET.pth: one linear layer for each slice
 *   Inception v3                     pytorch-fid's file
 *   CLIP's vision tower              a folder of transformers, of the tower or of a whole CLIP
 *
 * Each file may be what torch.save wrote or safetensors; its content says which. Sizes come from the tensors' shapes,
 * so that nets of other widths load as well. */
#ifndef DR_PIPELINE_BACKBONE_H
#define DR_PIPELINE_BACKBONE_H

#include "io/image.h"
#include "models/clip_vision.h"
#include "models/feature_net.h"
#include "models/inception.h"
#include "pipeline/weights.h"

#include <limits.h>

typedef enum dr_backbone_kind {
    DR_BACKBONE_ALEXNET,
    DR_BACKBONE_VGG16,
    DR_BACKBONE_SQUEEZENET,
    DR_BACKBONE_LPIPS_ALEX,
    DR_BACKBONE_LPIPS_VGG,
    DR_BACKBONE_LPIPS_SQUEEZE,
    DR_BACKBONE_INCEPTION,
    DR_BACKBONE_CLIP,
    DR_BACKBONES
} dr_backbone_kind;

/** "AlexNet" and so on, for messages. */
const char *dr_backbone_name(dr_backbone_kind kind);

/** Whose it is and under which terms, one line. */
const char *dr_backbone_licence(dr_backbone_kind kind);

/** Where that one lies in folder `dir`: under the name that it was published with (and `drape pull --backbones` gives
 * it),  or one that begins so (alexnet, vgg16, squeezenet1_1, pt_inception, clip, lpips_alex..). DR_ENOENT with what to
 * do where there is none. */
dr_status dr_backbone_find(dr_backbone_kind kind, const char *dir, char out[PATH_MAX]);

/** True if `dir` has a config.json of a CLIP or of its vision tower. */
bool dr_is_clip_folder(const char *dir);

/** Which one a file's tensors are of; DR_BACKBONES: none. The three sets of LPIPS's weights are told by their number
 * and widths. */
dr_backbone_kind dr_backbone_kind_of(const dr_st_entry *entry, size_t count);

/* What a picture becomes in front of CLIP, from preprocessor_config.json. */
typedef struct dr_clip_pixels {
    int shortest,
        crop; /* pixels: of the resized picture's shorter edge, and of the square that is cut out of its middle */
    dr_resample how;
    float scale, mean[3], std[3];
} dr_clip_pixels;

/* Zero-initialised means not loaded. */
typedef struct dr_backbone {
    dr_backbone_kind kind;
    union {
        dr_feature_net features;
        dr_inception inception;
        dr_clip_vision clip;
        dr_lin lin[DR_FEATURE_SLICES]; /* [1,C,1,1] each; no bias */
    } net;
    int lins;              /* of LPIPS's weights */
    dr_clip_pixels pixels; /* of CLIP */
    dr_params params;
    dr_weights files;
    char *path;
    bool loaded;
} dr_backbone;

/** From a file, or of CLIP a folder. DR_EINVAL with one sentence that names the tensor for another network, a missing,
 *  misshapen or excess tensor, and a value that is not finite. After a failure as before. */
dr_status dr_backbone_load(dr_backbone *m, dr_backbone_kind kind, const char *path);
/** Sizes and the table of parameters alone, without a weight; unload it as well. */
dr_status dr_backbone_open(dr_backbone *m, dr_backbone_kind kind, const char *path);
/** CRC-32 of all its values, by which what was computed with it is known again. */
uint32_t dr_backbone_sum(const dr_backbone *m);
/** Safe when not loaded. */
void dr_backbone_unload(dr_backbone *m);

#endif
