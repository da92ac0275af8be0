/* LPIPS: how different two pictures look, by the features of a net that was trained for something else.
 *
 * Zhang et al. 2018, arXiv:1801.03924; the package `lpips` 0.1.4, version 0.1 of its weights. Pictures go to [-1,1],
 * then through its scaling layer; of each slice of the net the features of a place get length 1, their squared
 * differences are weighted channel by channel, and the mean over all places is taken; the sum over slices is the
 * distance.
 *
 * Details that have caused other people's numbers to differ: pictures in [0,1] are another thing (normalize=True); alex
 * and vgg are different measures; nothing is resized here. */
#ifndef DR_EVAL_LPIPS_H
#define DR_EVAL_LPIPS_H

#include "eval/metrics.h"

typedef enum dr_lpips_net { DR_LPIPS_ALEX, DR_LPIPS_VGG, DR_LPIPS_SQUEEZE } dr_lpips_net;

/* Pixels of each edge that every net can take. */
#define DR_LPIPS_LEAST 31

typedef struct dr_lpips dr_lpips;

/** `net` is torchvision's file of the network, `lin` the package's weights. DR_EINVAL when one does not fit the other.
 */
dr_status dr_lpips_open(dr_lpips **out, dr_lpips_net kind, const char *net, const char *lin);
/** The same from a folder as `drape pull --backbones` makes it. */
dr_status dr_lpips_open_in(dr_lpips **out, dr_lpips_net kind, const char *dir);
/** Safe on NULL. */
void dr_lpips_close(dr_lpips *l);

/**
 * The distance of two pictures of one size and 3 channels.
 *
 * Inside and outside: of the map that `lpips` gives with spatial=True (each slice's enlarged to the picture's size),
 * the mean over the pixels of the mask, and over the others. `all` is without spatial=True, and so not a mean of the
 * two.
 *
 * @return DR_EINVAL for pictures smaller than the net needs, or when the result is not finite
 */
dr_status dr_lpips_distance(dr_lpips *l, const dr_image *a, const dr_image *b, const dr_image *mask, dr_measured *out);

#endif
