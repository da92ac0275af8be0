/* Packed weights: a constant weight in the layout that its primitive wants, made once.
 *
 * The pack takes the place of the source: pages of a file mapping are let go. Weights of 16 bits stay
 * in 16 bits, those of 8 (Q8_0) in 8, in the same physical order as the f32 layout, and are expanded just before
 * each use. Those of fewer bits are packed as f32: whoever wants less memory makes f16 or Q8_0 of them first. */
#ifndef DR_OPS_ONEDNN_PACK_H
#define DR_OPS_ONEDNN_PACK_H

#include "ops/onednn/pack8.h"

typedef struct dr_pack {
    dr_md md;        /* f32 or bf16: the arithmetic's type; of 8-bit whole numbers NULL */
    uint64_t layout; /* the name of md for dr_prim_key */
    dr_dtype type;   /* DR_F32 or DR_BF16, the type of md; DR_I8: linear8.c's own order */
    dr_dtype stored; /* the type of data: f16 and bf16 weights wait here in 16 bits, Q8_0 in 8 */
    size_t n;        /* elements, padding of the layout included */
    void *data;      /* Q8_0: codes alone, a byte each */
    dr_pack8 *q8;    /* of Q8_0, else NULL */
    float *extra;    /* what a kernel worked out about the weight, or NULL */
    size_t extras;   /* floats */
} dr_pack;

/** The pack of w; NULL if it has none. */
const dr_pack *dr_pack_of(const dr_tensor *w);

/** w (any float type) with the plain layout `plain` (f32) packed as `md`; the existing pack if there is one,
 *  whatever its layout. Sets *out to NULL, and packs nothing, if w is not constant. */
dr_status dr_pack_make(dr_tensor *w, dr_cmd plain, dr_cmd md, uint64_t layout, dr_dtype type, dr_arena *scratch,
                       const dr_pack **out);

/** Memory for a pack, to be freed; NULL when there is none. */
void *dr_pack_memory(size_t size);
/** data and extra, made by the caller and taken over, as the pack of a constant w; the existing pack if there is one.
 */
dr_status dr_pack_adopt(dr_tensor *w, dr_dtype type, void *data, size_t n, float *extra, size_t extras,
                        const dr_pack **out);

/** The pack's elements in its arithmetic's type: its own data, or expanded into scratch. NULL when out of memory. */
const void *dr_pack_data(const dr_pack *p, dr_arena *scratch);

/** `n` floats about the weight, made at the first call and kept with the pack; NULL when out of memory. */
const float *dr_pack_extra(const dr_pack *p, size_t n, void (*make)(const void *job, float *out), const void *job);

/** w as f32 in PyTorch's order, whose layout is `plain`: its own data, or made in scratch. */
dr_status dr_weights_plain(const dr_tensor *w, dr_cmd plain, dr_arena *scratch, const float **out);

/** w in layout (and type) `md`: its own data where that is the plain layout, or made in scratch. */
dr_status dr_weights_as(const dr_tensor *w, dr_cmd plain, dr_cmd md, dr_arena *scratch, const void **out);

#endif
