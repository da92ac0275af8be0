/* A thin wrapper over oneDNN: one engine, one stream, and primitives cached by what they compute.
 *
 * A dr_prim is a compiled primitive with the layouts it wants. It is reference counted, so that the
 * bounded cache may forget it while another thread still runs it. Workspace comes from the caller's arena. */
#ifndef DR_OPS_ONEDNN_PRIM_H
#define DR_OPS_ONEDNN_PRIM_H

#include "ops/onednn/compat.h"
#include "ops/ops.h"

typedef enum dr_prim_op { DR_PRIM_MATMUL, DR_PRIM_CONV, DR_PRIM_CONV_DATA, DR_PRIM_CONV_WEIGHTS } dr_prim_op;

/* How a primitive's weights lie in memory. A matmul's [K,N] matrix is stored by rows, or by columns
 * (which is PyTorch's [N,K]). ANY lets the library choose; GIVEN uses an earlier choice. */
typedef enum dr_prim_weights { DR_WEIGHTS_ANY, DR_WEIGHTS_ROWS, DR_WEIGHTS_COLUMNS, DR_WEIGHTS_GIVEN } dr_prim_weights;

/* What is added to the result: nothing, the output's old value, or another tensor of the output's shape. */
typedef enum dr_prim_add { DR_ADD_NONE, DR_ADD_OLD, DR_ADD_OTHER } dr_prim_add;

/* Everything that makes two primitives the same. Zero it first: it is hashed and compared as bytes. */
typedef struct dr_prim_key {
    int32_t op, type; /* dr_prim_op; DR_F32 or DR_BF16 of source and weights (results are f32) */
    int32_t weights, add, bias;
    int32_t src_columns; /* matmul: the source [M,K] is stored as [K,M] */
    int64_t threads;     /* filled by dr_prim_get */
    uint64_t layout;     /* GIVEN: names the layout */
    int64_t dim[16];     /* matmul: M N K; convolution: N H W I O OH OW kh kw stride top left bottom right groups */
} dr_prim_key;

typedef struct dr_prim dr_prim;

/** The library runs: it has an engine and a stream. */
bool dr_onednn_ok(void);

/** The primitive of this key, made if need be. NULL when the library has none. `layout` is the weights'
 *  layout where key->weights is GIVEN. Give it back with dr_prim_put(). */
dr_prim *dr_prim_get(const dr_prim_key *key, dr_cmd layout);
void dr_prim_put(dr_prim *p);

/** Layout of the weights (or of their gradient) that the primitive wants, and a name for it. Borrowed. */
dr_cmd dr_prim_weights_md(const dr_prim *p);
uint64_t dr_prim_layout(const dr_prim *p);

/** Buffers of one run, in the forward pass's roles: for DATA `src` is written and `dst` read, for WEIGHTS
 *  `weights` is written. bias and other may be NULL where the key has none. */
typedef struct dr_prim_bufs {
    const void *src, *weights, *dst, *bias, *other;
} dr_prim_bufs;
dr_status dr_prim_run(const dr_prim *p, dr_arena *scratch, const dr_prim_bufs *b);

/** Moves a tensor from one layout to another of the same type. DR_EUNSUPPORTED if the library cannot. */
dr_status dr_reorder(dr_arena *scratch, dr_cmd from, const void *src, dr_cmd to, void *dst);

/** FNV-1a. */
uint64_t dr_hash(const void *data, size_t n);

#endif
