/* Tensors: up to four axes, channels last, contiguous.
 *
 * Images and latents are [N,H,W,C], tokens [N,L,C]; viewing [N,H,W,C] as [N,HW,C] moves no byte.
 * Activations are f32. Weights keep the checkpoint's shape, order (PyTorch: [out,in,kh,kw]) and
 * dtype; a backend may keep its own packed copy of a constant weight and let the source pages go. */
#ifndef DR_TENSOR_TENSOR_H
#define DR_TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum dr_dtype {
    DR_F32,
    DR_F16,
    DR_BF16,
    DR_I32,
    DR_I64,
    DR_U8,
    DR_BOOL,
    DR_F64,
    DR_I16,
    DR_I8,
    DR_Q8_0, /* from here on in blocks, see blocks.h */
    DR_Q4_0,
    DR_Q4_1,
    DR_Q5_0,
    DR_Q5_1,
    DR_Q2_K,
    DR_Q3_K,
    DR_Q4_K,
    DR_Q5_K,
    DR_Q6_K,
    DR_DTYPES
} dr_dtype;

/** Values that are stored together: 1, or 32 or 256 in blocks. */
size_t dr_dtype_block(dr_dtype t);
/** Bytes of a value, or of a block. */
size_t dr_dtype_size(dr_dtype t);
/** Bytes of n values, which are whole blocks (asserted). */
size_t dr_dtype_bytes(dr_dtype t, size_t n);
/** "F32" and so on, as in safetensors headers; "Q8_0" and so on, as ggml calls them. */
const char *dr_dtype_name(dr_dtype t);
/** The dtype of a safetensors name; false if there is none such. */
bool dr_dtype_parse(const char *name, dr_dtype *out);
/** Whether it holds weights: floats, and blocks of them. */
bool dr_dtype_is_float(dr_dtype t);

typedef struct dr_tensor dr_tensor;
struct dr_tensor {
    dr_dtype dtype;
    int rank;
    int64_t dim[4]; /* unused axes are 1 */
    void *data;

    bool needs_grad;
    float *grad; /* same shape, accumulated into by backward; NULL until needed */
    int uses;    /* how often the forward used it that the backward has not come to yet; of tensors with a name */

    /* weights only */
    const char *name; /* the checkpoint's key; NULL for activations */
    bool constant;    /* its values never change while loaded: a packed copy may be kept */
    bool mapped;      /* data lies in a file mapping: pages may be dropped once packed */
    bool yields;      /* nobody but rows needs data: it may be given up for a packed copy that has every value... */
    bool yielded;     /* ...which has happened: data is void */
    void *pack;       /* the backend's copy, or NULL */
    void (*pack_free)(void *pack);
};

int64_t dr_numel(const dr_tensor *t);
size_t dr_nbytes(const dr_tensor *t);
/** f32 data of an activation (asserted). */
float *dr_f32(const dr_tensor *t);
bool dr_same_shape(const dr_tensor *a, const dr_tensor *b);
/** "[2,64,64,320]" in a buffer of the caller's. Returns buf. */
char *dr_shape_str(const dr_tensor *t, char *buf, size_t n);

/** n values of dtype `from` at `src` as f32; and the other way, rounding to nearest even (Q8_0: see blocks.h). */
void dr_to_f32(const void *src, dr_dtype from, float *dst, size_t n);
void dr_from_f32(const float *src, void *dst, dr_dtype to, size_t n);

float dr_f16_to_f32(uint16_t h);
uint16_t dr_f32_to_f16(float f);
static inline float dr_bf16_to_f32(uint16_t h)
{
    union {
        uint32_t u;
        float f;
    } v = {(uint32_t)h << 16};
    return v.f;
}
uint16_t dr_f32_to_bf16(float f);

/** [N,C,H,W] <-> [N,H,W,C], f32. */
void dr_nchw_to_nhwc(const float *src, float *dst, int64_t N, int64_t C, int64_t H, int64_t W);
void dr_nhwc_to_nchw(const float *src, float *dst, int64_t N, int64_t C, int64_t H, int64_t W);

#endif
