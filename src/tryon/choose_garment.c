#include "tryon/choose_garment.h"

#include "eval/recolour.h"
#include "mask/lay_cloth.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- words --------------------------------------------------------------------------------------------- */

/* " a red t-shirt ": small letters, one space between words and at both ends, so that " red " is a word of it. */
static char *plain(const char *text)
{
    char *out = malloc(strlen(text) + 3), *to = out;
    if (!out)
        return NULL;
    *to++ = ' ';
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool letter = isalnum(c) || c == '-' || c == '\'' || c >= 128;
        if (letter || to[-1] != ' ')
            *to++ = letter ? (char)tolower(c) : ' ';
    }
    if (to[-1] != ' ')
        *to++ = ' ';
    *to = 0;
    return out;
}

/* Where the words of `phrase` stand in such a text; NULL: nowhere. */
static const char *find(const char *text, const char *phrase)
{
    char *words = plain(phrase);
    const char *at = words && words[1] ? strstr(text, words) : NULL;
    free(words);
    return at;
}

static bool is_opening(const char *word, size_t n)
{
    static const char *const opening[] = {"a",  "an",     "the",   "this", "that",    "photo", "picture",
                                          "of", "person", "woman", "man",  "wearing", "in",    "dressed"};
    for (size_t i = 0; i < sizeof opening / sizeof *opening; i++)
        if (strlen(opening[i]) == n && strncmp(opening[i], word, n) == 0)
            return true;
    return false;
}

/* Cuts the words that only open a sentence out of such a text. */
static void drop_openings(char *text)
{
    char *to = text + 1;
    for (char *at = text + 1; *at;) {
        size_t n = (size_t)(strchr(at, ' ') - at);
        if (!is_opening(at, n)) {
            memmove(to, at, n + 1);
            to += n + 1;
        }
        at += n + 1;
    }
    *to = 0;
}

static bool is_taught(const char *text, const char *prompt)
{
    char *asked = strdup(text), *taught = plain(prompt);
    if (asked && taught) {
        drop_openings(asked);
        drop_openings(taught);
    }
    bool same = asked && taught && taught[1] && strcmp(asked, taught) == 0;
    free(asked);
    free(taught);
    return same;
}

/* --- choosing ------------------------------------------------------------------------------------------ */

/* A place in a text where some of its words were found. */
typedef struct place {
    const char *at; /* NULL: nowhere */
    size_t length;
} place;

/* Below 0: `a` is what is meant: it comes first, or at the same place says more ("denim jacket" than "denim"). */
static int before(place a, place b)
{
    if (!a.at || !b.at)
        return (a.at == NULL) - (b.at == NULL);
    return a.at != b.at ? (a.at < b.at ? -1 : 1) : (a.length < b.length) - (a.length > b.length);
}

static place place_of(const char *text, const char *phrase)
{
    return (place){find(text, phrase), strlen(phrase)};
}

/* That of a garment's list `key`. */
static place first_word(const dr_wardrobe_garment *g, const char *key, const char *text)
{
    const json_t *words = json_object_get(g->about, key);
    place first = {0};
    for (size_t k = 0; k < json_array_size(words); k++) {
        place here = place_of(text, json_string_value(json_array_get(words, k)));
        first = before(here, first) < 0 ? here : first;
    }
    return first;
}

/* The garment of which a word in the list `key` comes first in the text; among several the seed chooses. */
static const dr_wardrobe_garment *first_of(const dr_wardrobe *w, const char *key, const char *text, uint64_t seed)
{
    const dr_wardrobe_garment *found[DR_WARDROBE_MAX];
    place first = {0};
    uint64_t n = 0;
    for (int i = 0; i < w->count; i++) {
        place here = first_word(&w->garment[i], key, text);
        int order = before(here, first);
        if (!here.at || order > 0)
            continue;
        n = order < 0 ? 0 : n;
        first = here;
        found[n++] = &w->garment[i];
    }
    return n ? found[seed % n] : NULL;
}

/* The colour that comes first in a text: "dark red" before "red". */
static const dr_named_colour *colour_in(const char *text)
{
    const dr_named_colour *found = NULL;
    place first = {0};
    for (const dr_named_colour *c = dr_named_colours(); c->name; c++)
        for (int k = 0; k < 2; k++) {
            const char *name = k ? c->also : c->name;
            place here = name ? place_of(text, name) : (place){0};
            if (before(here, first) < 0) {
                first = here;
                found = c;
            }
        }
    return found;
}

dr_garment_choice dr_choose_garment(const dr_wardrobe *w, const char *prompt, uint64_t seed)
{
    dr_garment_choice c = {0};
    char *text = plain(prompt);
    for (int i = 0; text && !c.garment && i < w->count; i++) {
        const char *taught = dr_json_text(w->garment[i].about, "prompt");
        if (taught && is_taught(text, taught))
            c.garment = &w->garment[i];
    }
    if (text && !c.garment) {
        c.garment = first_of(w, "described", text, seed);
        if (!c.garment)
            c.garment = first_of(w, "called", text, seed);
        c.colour = c.garment ? colour_in(text) : NULL;
    }
    free(text);
    return c;
}

/* Cloth whose mean is the colour. */
static dr_status dye(dr_image *cloth, const dr_named_colour *colour)
{
    dr_image all = {0};
    dr_status st = dr_image_alloc(&all, cloth->width, cloth->height, 1);
    if (st)
        return st;
    memset(all.data, 1, (size_t)all.width * (size_t)all.height);
    dr_look look = dr_look_of(cloth, &all, 1);
    dr_recolour(cloth, &all, 1, &look, dr_lab_of(colour->rgb));
    dr_image_clear(&all);
    return DR_OK;
}

dr_status dr_chosen_photo(const dr_garment_choice *c, dr_image *out)
{
    dr_image cloth = {0};
    dr_status st = dr_wardrobe_photo(c->garment, &cloth);
    if (!st && c->colour)
        st = dye(&cloth, c->colour);
    if (!st)
        st = dr_cloth_photo(out, &cloth);
    dr_image_clear(&cloth);
    return st;
}
