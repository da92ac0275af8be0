/* Packed weights of 8 bits: codes in the physical order of a primitive's layout, scales beside them (ops/cpu/q8.h).
 *
 * Where an element of the plain weight lies in the layout is asked of the library: it is made to move whole numbers,
 * first the codes, then the number of each one's scale. */
#ifndef DR_OPS_ONEDNN_PACK8_H
#define DR_OPS_ONEDNN_PACK8_H

#include "ops/cpu/q8.h"
#include "ops/onednn/prim.h"

typedef struct dr_pack8 {
    uint16_t *scale;      /* f16 [blocks][outputs], blocks of an output's inputs */
    int64_t outputs, row; /* outputs of the weight, rounded up; its values per output */
    uint32_t *run;        /* as dr_cpu_q8 */
    size_t runs, scales;
    int width, shift;
} dr_pack8;

/** The codes and scales of w, a Q8_0 weight of the plain layout `plain`, for layout `md` of n elements of `type` (F32
 * or BF16). DR_EUNSUPPORTED when the layout has no rows of outputs. */
dr_status dr_pack8_make(const dr_tensor *w, dr_cmd plain, dr_cmd md, dr_dtype type, size_t n, int8_t *code,
                        dr_pack8 **out, dr_arena *scratch);
/** Safe on NULL. */
void dr_pack8_free(dr_pack8 *p);
size_t dr_pack8_bytes(const dr_pack8 *p);

/** All elements as `type`, in scratch; NULL when out of memory. */
const void *dr_pack8_expand(const dr_pack8 *p, const int8_t *code, dr_dtype type, size_t n, dr_arena *scratch);

/** The weight's exact values in plain order. */
dr_status dr_pack8_plain(const dr_pack8 *p, const int8_t *code, dr_cmd md, dr_dtype type, size_t n, size_t values,
                         dr_cmd plain, dr_arena *scratch, float *out);

#endif
