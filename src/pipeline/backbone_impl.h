/* Inside of pipeline/backbone.h. */
#ifndef DR_PIPELINE_BACKBONE_IMPL_H
#define DR_PIPELINE_BACKBONE_IMPL_H

#include "pipeline/backbone.h"

/** From DIR/preprocessor_config.json; OpenAI's values for a tower of `size` pixels where there is none. */
dr_status dr_clip_pixels_read(dr_clip_pixels *p, const char *dir, int size);

#endif
