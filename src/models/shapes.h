/* Sizes of a model that has no config.json: they are read from the tensors of its file. */
#ifndef DR_MODELS_SHAPES_H
#define DR_MODELS_SHAPES_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define DR_SHAPES_MAX_WIDTH 16384

/* Who knows the tensors of a file. */
typedef struct dr_shapes {
    /* the shape of a tensor, axes beyond four left out; false if there is none of that name */
    bool (*find)(const void *user, const char *name, int *rank, int64_t dim[4]);
    const void *user;
    const char *what;  /* "AlexNet", in messages */
    const char *where; /* the file, in messages */
} dr_shapes;

/** How many channels the convolution `name` gives: the first axis of its weight [out,in,kh,kw], whose others have to be
 *  these. DR_EINVAL naming the tensor if it is missing or has another shape. */
dr_status dr_shapes_conv(const dr_shapes *s, const char *name, int in, int kh, int kw, int *out);

#endif
