/* Latents that a model made itself, with the photos that they were to be: what a decoder learns to paint well.
 *
 * A decoder that has seen the latents of photos alone paints what a net makes of a prompt as smoothly as the net left
 * it. Here are the net's own latents: from noise, by the steps that pictures are made with.
 *
 * The file is written by mini_made and read by mini_vae --made: a head, then entries one after the other. It is a cache
 * for one machine, in its byte order. */
#ifndef MINI_MADE_H
#define MINI_MADE_H

#include "base/file.h"
#include "mini/example.h"

#define MINI_PIXELS (MINI_SIZE * MINI_SIZE)
#define MINI_MADE_LATENTS (128 * 128 * 4) /* at most: factor 2 */

typedef struct mini_made_head {
    char magic[16];
    int32_t cells, channels; /* of the latents' side */
    int64_t count;
} mini_made_head;

typedef struct mini_made_entry {
    uint8_t photo[MINI_PIXELS * 3];
    uint8_t calm[MINI_PIXELS * 3]; /* the latents, by the decoder that there was */
    uint8_t mask[MINI_PIXELS];     /* 0 or 255 */
    uint16_t latents[];            /* f16 [cells,cells,channels], as the UNet makes them */
} mini_made_entry;

typedef struct mini_made {
    dr_map map;
    mini_made_head head;
} mini_made;

/** DR_EINVAL for any other file. */
dr_status mini_made_open(mini_made *m, const char *path);
/** Safe on a zeroed struct. */
void mini_made_close(mini_made *m);
const mini_made_entry *mini_made_get(const mini_made *m, int64_t i);

/** A head for `count` entries of such latents, and the size of each entry. */
mini_made_head mini_made_begin(int cells, int channels, int64_t count);
size_t mini_made_size(const mini_made_head *h);

#endif
