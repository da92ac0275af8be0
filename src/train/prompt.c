#include "train/prompt.h"

#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "train/dataset.h"

#include <ctype.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CAPTION ((size_t)64 << 10) /* bytes; the text encoder reads 77 tokens of it */

/* The length without one trailing counter: " (n)", "_n" or "-n". */
static size_t without_counter(const char *s, size_t n)
{
    size_t i = n;
    bool bracketed = n > 0 && s[n - 1] == ')';
    i -= bracketed;
    size_t end = i;
    while (i > 0 && isdigit((unsigned char)s[i - 1]))
        i--;
    if (i == end)
        return n;
    if (bracketed)
        return i >= 2 && s[i - 1] == '(' && s[i - 2] == ' ' ? i - 2 : n;
    return i >= 1 && (s[i - 1] == '_' || s[i - 1] == '-') ? i - 1 : n;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

void dr_prompt_from_name(const char *file_name, char *out, size_t n)
{
    const char *name = dr_path_name(file_name);
    size_t length = without_counter(name, dr_path_stem(name)), i = 0, at = 0;
    if (n == 0)
        return;
    for (; i < length && at + 1 < n; i++) {
        char c = name[i] == '_' ? ' ' : name[i];
        if (at > 0 || c != ' ')
            out[at++] = c;
    }
    for (; i < length && at > 0 && (name[i] & 0xC0) == 0x80; i--) /* cut inside a character: drop all of it */
        at--;
    while (at > 0 && out[at - 1] == ' ')
        at--;
    out[at] = 0;
}

static dr_status check_utf8(const char *text, size_t size, const char *what, const char *path)
{
    const char *end;
    if (g_utf8_validate(text, (gssize)size, &end))
        return DR_OK;
    return dr_fail(DR_EINVAL, "%s '%s' is not UTF-8 text (byte %zu); save it as UTF-8", what, path,
                   (size_t)(end - text));
}

static dr_status read_caption(char **out, const char *path)
{
    char *text;
    size_t size;
    dr_status st = dr_file_read(path, MAX_CAPTION, &text, &size);
    if (st)
        return st;
    st = dr_check_stand_in(text, size, path);
    if (!st)
        st = check_utf8(text, size, "caption", path);
    char *from = text + (dr_skip_bom(text) - text), *to = text + size;
    while (from < to && is_space(*from))
        from++;
    while (to > from && is_space(to[-1]))
        to--;
    if (!st && from == to)
        st = dr_fail(DR_EINVAL, "caption '%s' is empty: write the prompt into it, or delete it", path);
    if (!st) {
        *to = 0;
        *out = strdup(from);
        if (!*out)
            st = dr_fail(DR_ENOMEM, "out of memory");
    }
    free(text);
    return st;
}

static dr_status from_name(char **out, const char *image_path)
{
    const char *name = dr_path_name(image_path);
    size_t size = strlen(name) + 1;
    char *prompt = malloc(size);
    if (!prompt)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_prompt_from_name(name, prompt, size);
    dr_status st = check_utf8(prompt, strlen(prompt), "the name of photo", name);
    if (!st && !prompt[0])
        st = dr_fail(DR_EINVAL,
                     "the name of photo '%s' gives no prompt: rename it after the garment, write the prompt into "
                     "'%.*s.txt', or pass --instance_prompt",
                     name, (int)dr_path_stem(name), name);
    *out = prompt;
    if (st) {
        free(prompt);
        *out = NULL;
    }
    return st;
}

dr_status dr_prompt_for(char **out, dr_prompt_source *source, const char *image_path, const char *caption,
                        const char *given)
{
    *out = NULL;
    *source = DR_PROMPT_FROM_CAPTION;
    if (caption)
        return read_caption(out, caption);
    *source = given ? DR_PROMPT_GIVEN : DR_PROMPT_FROM_NAME;
    if (!given)
        return from_name(out, image_path);
    *out = strdup(dr_skip_bom(given));
    return *out ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
}
