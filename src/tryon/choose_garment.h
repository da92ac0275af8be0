/* Which garment of a model's wardrobe (pipeline/wardrobe.h) a prompt means, and in which colour. */
#ifndef DR_TRYON_CHOOSE_GARMENT_H
#define DR_TRYON_CHOOSE_GARMENT_H

#include "eval/named_colours.h"
#include "pipeline/wardrobe.h"

typedef struct dr_garment_choice {
    const dr_wardrobe_garment *garment; /* NULL: the words mean none of them */
    const dr_named_colour *colour;      /* to dye it; NULL: as it is */
} dr_garment_choice;

/** In any case of letters: a taught one, where the prompt has the words that it was taught with in their order, and
 *  besides "a photo of", "a person wearing" and their like nothing else. Or the cloth of the first word that describes
 *  one of them ("striped"); or else of the first that one is called by. Where several are described or called so, the
 * seed chooses. The first colour in the prompt dyes it. */
dr_garment_choice dr_choose_garment(const dr_wardrobe *w, const char *prompt, uint64_t seed);

/** The photo that try-on takes for it: the cloth, dyed, and going on around (mask/lay_cloth.h). */
dr_status dr_chosen_photo(const dr_garment_choice *c, dr_image *out);

#endif
