/* A spatially-adaptive normalisation inside the image generator. */
#ifndef DR_MODELS_SPADE_NORM_H
#define DR_MODELS_SPADE_NORM_H

#include "models/hr_viton.h"
#include "models/label_windows.h"

/* One level's map of regions, in whichever form is cheaper. */
typedef struct dr_region_map {
    dr_label_windows windows;
    dr_tensor *dense; /* [N,h,w,regions], one-hot; NULL: the windows are used */
} dr_region_map;

/** In the step's arenas, of regions [N,H,W] on the host, brought to h x w. NULL once the tape failed. */
dr_region_map *dr_region_map_new(dr_tape *g, const uint8_t *regions, int64_t N, int64_t H, int64_t W, int64_t h,
                                 int64_t w, int count);

/** x [N,h,w,C], noise [N,h,w,1] or NULL -> [N,h,w,C], what is negative times `slope`, all times `gain`. */
dr_tensor *dr_spade_norm_apply(dr_tape *g, const dr_spade_norm *n, dr_tensor *x, dr_tensor *noise,
                               const dr_region_map *m, float slope, float gain);

#endif
