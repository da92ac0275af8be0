#include "train/trainer_state.h"

#include "base/path.h"

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

bool dr_trainer_cancelled(const dr_trainer *t)
{
    return t->o->callbacks.cancel && t->o->callbacks.cancel(t->o->callbacks.user);
}
