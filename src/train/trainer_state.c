#include "train/trainer_state.h"

#include "base/path.h"

#include "io/image.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct dr_unet_model *dr_trainer_unet(dr_trainer *t)
{
    return &t->unet;
}

struct dr_text_model *dr_trainer_text(dr_trainer *t)
{
    return t->text.loaded ? &t->text : NULL;
}

dr_status dr_trainer_path(const dr_trainer *t, char *out, size_t n, const char *name)
{
    return dr_path(out, n, t->o->output_dir, name);
}

const struct dr_source *dr_trainer_source(const dr_trainer *t)
{
    return t->source;
}

bool dr_trainer_pair_size(const dr_trainer *t, int *width, int *height)
{
    if (width && height) {
        *width = t->o->width;
        *height = t->o->height;
    }
    return t->o->garment_pairs != NULL;
}

dr_precision dr_trainer_precision(const dr_trainer *t)
{
    return strcmp(t->o->mixed_precision, "bf16") == 0 ? DR_PRECISION_AUTO : DR_PRECISION_EXACT;
}

void dr_trainer_say(const dr_trainer *t, const char *fmt, ...)
{
    char text[4600]; /* a list of warnings with something around it */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (t->o->callbacks.message)
        t->o->callbacks.message(t->o->callbacks.user, text);
}

struct dr_ranks *dr_trainer_ranks(const dr_trainer *t)
{
    return t->ranks;
}

bool dr_trainer_makes(const dr_trainer *t, int i)
{
    return i % dr_ranks_size(t->ranks) == dr_ranks_rank(t->ranks);
}

dr_status dr_trainer_bring(const dr_trainer *t, int i, dr_status made, struct dr_image *picture)
{
    int from = i % dr_ranks_size(t->ranks), here = dr_ranks_rank(t->ranks);
    int head[4] = {(int)made, picture->width, picture->height, picture->channels};
    if (from == 0 || (here != 0 && here != from))
        return here == from ? made : DR_OK;
    dr_status st =
        here ? dr_ranks_send(t->ranks, 0, head, sizeof head) : dr_ranks_receive(t->ranks, from, head, sizeof head);
    if (!st && head[0])
        return here ? made : dr_fail((dr_status)head[0], "rank %d could not make picture %d", from, i + 1);
    if (!st && !here)
        st = dr_image_alloc(picture, head[1], head[2], head[3]);
    size_t size = (size_t)head[1] * (size_t)head[2] * (size_t)head[3];
    if (st)
        return st;
    return here ? dr_ranks_send(t->ranks, 0, picture->data, size)
                : dr_ranks_receive(t->ranks, from, picture->data, size);
}

bool dr_trainer_cancelled(const dr_trainer *t)
{
    if (t->agrees)
        return t->stop;
    return t->o->callbacks.cancel && t->o->callbacks.cancel(t->o->callbacks.user);
}
