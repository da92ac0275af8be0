/* The windows of a map of labels: which 5x5 labels lie around each cell, and which of them are alike. */
#ifndef DR_MODELS_LABEL_WINDOWS_H
#define DR_MODELS_LABEL_WINDOWS_H

#include "autograd/tape.h"

typedef struct dr_label_windows {
    int64_t N, h, w;
    int64_t P;             /* different windows */
    const uint8_t *window; /* [P,25], values of the step; DR_LABEL_OUTSIDE beyond the map */
    const int32_t *id;     /* [N*h*w], values of the step: the window of each cell */
} dr_label_windows;

/** Of labels [N,H,W], each below 15, on the host, brought to h x w by torch's "nearest" first. Windows are numbered as
 * they occur. False, with `out` incomplete, if there are more than `most` different ones, or the tape failed. */
bool dr_label_windows_find(dr_tape *g, dr_label_windows *out, const uint8_t *labels, int64_t N, int64_t H, int64_t W,
                           int64_t h, int64_t w, int64_t most);

#endif
