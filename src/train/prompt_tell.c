#include "train/prompt_tell.h"

#include "base/path.h"
#include "train/dataset_lint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 8, SHOWN = 200 }; /* prompts, bytes of one */

/* Bytes of `s` to show: at most SHOWN, whole characters. */
static int shown(const char *s)
{
    size_t n = strlen(s);
    for (n = n > SHOWN ? SHOWN : n; n > 0 && (s[n] & 0xC0) == 0x80; n--)
        ;
    return (int)n;
}

static bool same(const dr_example *a, const dr_example *b)
{
    return a->source == b->source && strcmp(a->prompt, b->prompt) == 0;
}

static bool is_first(const dr_dataset *d, int i)
{
    for (int k = 0; k < i; k++)
        if (same(&d->example[k], &d->example[i]))
            return false;
    return true;
}

static void tell_one(const dr_dataset *d, int i, dr_findings *lines)
{
    static const char *const sources[] = {"caption", "--instance_prompt", "file name"};
    const dr_example *e = &d->example[i];
    const char *name = dr_path_name(e->image);
    int photos = 0, n = shown(e->prompt);
    for (int k = i; k < d->count; k++)
        photos += same(e, &d->example[k]);
    char who[300];
    if (photos == 1)
        snprintf(who, sizeof who, "of '%.250s'", name);
    else
        snprintf(who, sizeof who, "of %d photos", photos);
    dr_findings_add(lines, "  '%.*s%s' %s, from %s", n, e->prompt, e->prompt[n] ? "..." : "", who,
                    photos > 1 && e->source != DR_PROMPT_GIVEN
                        ? e->source == DR_PROMPT_FROM_NAME ? "their file names" : "their captions"
                        : sources[e->source]);
}

void dr_prompts_tell(const dr_dataset *d, char *out, size_t n)
{
    dr_findings lines;
    int told = 0, more = 0;
    snprintf(out, n, "the prompts that are taught:");
    dr_findings_init(&lines, out, n);
    for (int i = 0; i < d->count; i++) {
        /* of a large set the rest is counted as photos: looking for equal ones would take its square */
        if (told == LINES)
            more++;
        else if (is_first(d, i)) {
            tell_one(d, i, &lines);
            told++;
        }
    }
    if (more)
        dr_findings_add(&lines, "  and those of %d photos more", more);
}

dr_status dr_prompts_tell_cut(const dr_dataset *d, const dr_tokenizer *t, char *out, size_t n)
{
    dr_findings lines;
    dr_status st = DR_OK;
    out[0] = 0;
    dr_findings_init(&lines, out, n);
    for (int i = 0; !st && i < d->count; i++) {
        const dr_example *e = &d->example[i];
        char *cut = NULL;
        if (e->source == DR_PROMPT_GIVEN && i > 0 && same(e, &d->example[i - 1]))
            continue;
        st = dr_tokenizer_cut(t, e->prompt, false, &cut);
        if (!st && cut)
            dr_findings_add(
                &lines,
                "the prompt of photo '%s' is longer than the 75 tokens (about 50 words) that the model reads; "
                "this end of it is not taught: '%.*s%s'",
                dr_path_name(e->image), shown(cut), cut, cut[shown(cut)] ? "..." : "");
        free(cut);
    }
    return st;
}
