#include "train/dataset_lint.h"

#include "base/path.h"
#include "io/mask.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_ASPECT = 16 }; /* resized by its short side, a longer strip would be of no use and of great size */

void dr_findings_init(dr_findings *f, char *text, size_t size)
{
    *f = (dr_findings){.text = size ? text : NULL, .size = size};
    f->used = f->text ? strnlen(text, size - 1) : 0;
}

void dr_findings_add(dr_findings *f, const char *fmt, ...)
{
    char line[1024], more[64];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    size_t length = n < 0 ? 0 : strnlen(line, sizeof line);
    f->count++;
    /* room is kept for the last line, which says how many there were no room for */
    if (f->text && !f->unsaid && f->used + 1 + length + sizeof more < f->size) {
        f->used += (size_t)snprintf(f->text + f->used, f->size - f->used, "%s%s", f->used ? "\n" : "", line);
        return;
    }
    f->unsaid++;
    if (f->text)
        snprintf(f->text + f->used, f->size - f->used, "%sand %d more", f->used ? "\n" : "", f->unsaid);
}

static void add_doubt(void *user, const char *message)
{
    dr_findings_add(user, "%s", message);
}

/* A failure becomes one line among others, unless memory ended. */
static dr_status as_fault(dr_status st, dr_findings *faults)
{
    if (st && st != DR_ENOMEM) {
        dr_findings_add(faults, "%s", dr_error());
        st = DR_OK;
    }
    return st;
}

/* The garment's share of the photo. The mask's lint has seen to none and all of it. */
static void lint_share(const dr_image *mask, const char *name, dr_findings *doubts)
{
    int64_t n = (int64_t)mask->width * mask->height, white = 0;
    for (int64_t i = 0; i < n; i++)
        white += mask->data[i] >= 128;
    double percent = 100.0 * (double)white / (double)n;
    if (percent < 1)
        dr_findings_add(doubts, "mask '%s' covers %.2g %% of the photo: little to learn from; crop the photo closer",
                        name, percent);
    else if (percent > 90)
        dr_findings_add(doubts, "mask '%s' covers %.0f %% of the photo: little around it to learn from", name, percent);
}

static dr_status lint_mask(const dr_example *e, dr_findings *faults, dr_findings *doubts)
{
    const char *name = dr_path_name(e->mask);
    dr_mask_options o = {.strict = true, .warn = add_doubt, .user = doubts};
    dr_image in, mask = {0};
    dr_status st = dr_image_read(&in, e->mask, 4);
    if (!st) {
        st = dr_mask_from_image(&mask, &in, name, e->width, e->height, dr_path_name(e->image), &o);
        if (!st && (in.width != e->width || in.height != e->height))
            dr_findings_add(doubts, "mask '%s' is %dx%d, its photo '%s' %dx%d: the mask is resized to fit", name,
                            in.width, in.height, dr_path_name(e->image), e->width, e->height);
        if (!st)
            lint_share(&mask, name, doubts);
        dr_image_clear(&in);
        dr_image_clear(&mask);
    }
    return as_fault(st, faults);
}

dr_status dr_lint_example(dr_example *e, dr_findings *faults, dr_findings *doubts)
{
    dr_image photo;
    dr_status st = dr_image_read(&photo, e->image, 3);
    if (st)
        return as_fault(st, faults);
    e->width = photo.width;
    e->height = photo.height;
    dr_image_clear(&photo);
    if (e->width > MAX_ASPECT * e->height || e->height > MAX_ASPECT * e->width)
        dr_findings_add(faults, "photo '%s' is %dx%d: at most %d times as long as wide; crop it",
                        dr_path_name(e->image), e->width, e->height, MAX_ASPECT);
    return e->mask ? lint_mask(e, faults, doubts) : DR_OK;
}
