#include "train/trainer_state.h"

#include "base/path.h"

#include <stdarg.h>
#include <stdio.h>

dr_status dr_trainer_path(const dr_trainer *t, char *out, size_t n, const char *name)
{
    return dr_path(out, n, t->o->output_dir, name);
}

void dr_trainer_say(const dr_trainer *t, const char *fmt, ...)
{
    char text[4600]; /* a list of warnings with something around it */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (t->cb->message)
        t->cb->message(t->cb->user, text);
}

bool dr_trainer_cancelled(const dr_trainer *t)
{
    return t->cb->cancelled && t->cb->cancelled(t->cb->user);
}
