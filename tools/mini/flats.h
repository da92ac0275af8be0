/* Photos of garments that lie flat or hang: DIR/KIND-NUMBER.jpg, KIND one of tshirt, longsleeve, shirt, outwear, dress,
 * skirt, pants. Read when they are asked for. Those whose number divides by FLATS_TEST are never trained on. */
#ifndef MINI_FLATS_H
#define MINI_FLATS_H

#include "base/rng.h"
#include "io/image.h"

#define MINI_FLATS_TEST 40

typedef struct mini_flat {
    char name[48];
    uint8_t label;      /* dr_label of what it covers: upper, dress, skirt or pants */
    bool short_sleeves; /* of an upper garment: arms are bare in it */
} mini_flat;

typedef struct mini_flats {
    char dir[1024];
    mini_flat *flat; /* by name, test ones left out */
    int count;
} mini_flats;

dr_status mini_flats_open(mini_flats *f, const char *dir);
/** Safe on a zeroed struct. */
void mini_flats_clear(mini_flats *f);
/** One of those for a label, of upper garments with short sleeves or without; NULL when there is none. */
const mini_flat *mini_flats_choose(const mini_flats *f, uint8_t label, bool short_sleeves, dr_rng *r);
dr_status mini_flat_read(const mini_flats *f, const mini_flat *flat, dr_image *out);

#endif
