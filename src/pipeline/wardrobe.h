/* Photos of garments that lie in a model's folder.
 *
 * A model that is a hundredth of Stable Diffusion has no room for all cloth there is, and learns in a hundred steps a
 * garment's colours but not its pattern. It needs neither if it dresses from photos as well (garment/,
 * pipeline/garment_attention.h): then its folder keeps photos, and words choose among them, as Blattmann et al. 2022
 * (arXiv:2204.11824) let small diffusion models look up in pictures what they need not know.
 *
 *   wardrobe/wardrobe.json   {"garments": [...]}, each of them one of
 *       {"photo": "1.png", "prompt": "t-shirt"}          was taught with this prompt
 *       {"photo": "a.jpg", "called": ["sweater", ...]}   cloth for whatever is called so, dyed in any colour
 *       {"photo": "b.jpg", "described": ["striped"]}     likewise, for whatever is described so
 *   wardrobe/1.png           its cloth and nothing else; at most 0.71 times as wide as high, or its edges are lost
 *
 * Which of them words mean: tryon/choose_garment.h. Training a model with "_drape_keep_photos" in its scheduler's
 * config adds to it: train/keep_photos.h. */
#ifndef DR_PIPELINE_WARDROBE_H
#define DR_PIPELINE_WARDROBE_H

#include "base/json.h"
#include "io/image.h"

#define DR_WARDROBE "wardrobe"
#define DR_WARDROBE_MAX 256 /* garments of one folder */

typedef struct dr_wardrobe_garment {
    json_t *about;  /* its entry of the list */
    dr_image photo; /* RGB; data NULL: it lies in `file`, and is read when it is worn */
    char *file;
} dr_wardrobe_garment;

typedef struct dr_wardrobe {
    dr_wardrobe_garment *garment; /* [count]; NULL: none */
    int count;
} dr_wardrobe;

/** That of a model's folder; empty where it has none. After a failure there is nothing to clear. */
dr_status dr_wardrobe_open(dr_wardrobe *w, const char *model);
/** Safe on a zeroed struct. */
void dr_wardrobe_clear(dr_wardrobe *w);
/** The photo, RGB; allocated here. */
dr_status dr_wardrobe_photo(const dr_wardrobe_garment *g, dr_image *out);
/** Takes a taught garment's photo, which is then the wardrobe's, before all others; one of the same prompt goes. */
dr_status dr_wardrobe_add(dr_wardrobe *w, const char *prompt, dr_image *photo);
/** Writes it into a model's folder that has none yet. */
dr_status dr_wardrobe_write(const dr_wardrobe *w, const char *model);

/* An adapter's file has one as a text, with the pictures in it, among its metadata. */
#define DR_WARDROBE_KEY "drape_wardrobe"

/** Its taught garments as such a text, malloc'ed. */
dr_status dr_wardrobe_to_text(const dr_wardrobe *w, char **out);
/** Adds those of a text, each before what there is. `where` is the file, for messages. */
dr_status dr_wardrobe_from_text(dr_wardrobe *w, const char *text, const char *where);

#endif
