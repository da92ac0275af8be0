/* Linear layers in 8-bit whole numbers: u8 values times s8 weights, sums in 32 bits (AVX512_VNNI).
 *
 * An output's weights have one step, and so has each row of x, by its own largest value. A row is stored as codes +
 * 128; what that adds to a sum is known beforehand. Where single columns of x are much larger than the rest they may be
 * divided before, and their weights multiplied (Xiao et al. 2023, SmoothQuant, arXiv:2211.10438). */
#ifndef DR_OPS_CPU_LINEAR8_H
#define DR_OPS_CPU_LINEAR8_H

#include <stdbool.h>
#include <stdint.h>

/** Outputs of a panel of weights, and values of a row that meet in one lane. */
#define DR_LINEAR8_PANEL 64
#define DR_LINEAR8_GROUP 4
/** A longer sum might not fit. */
#define DR_LINEAR8_MOST_K 65536

typedef struct dr_linear8 {
    int64_t M, N, K;
    const int8_t *w;     /* [panels][K/4, rounded up][64][4] */
    const float *unit;   /* [panels*64]: what 1 of an output's weights stands for */
    const float *start;  /* [panels*64]: where its sums begin: -128 times the sum of its weights, a whole number */
    const float *divide; /* [K]: what columns of x are multiplied with before; NULL: nothing */
    const float *x, *b, *residual; /* as a linear layer's */
    float *y;
} dr_linear8;

/** Panels for N outputs, bytes of the weights, of the workspace for M rows. */
int64_t dr_linear8_panels(int64_t N);
int64_t dr_linear8_weight_bytes(int64_t N, int64_t K);
int64_t dr_linear8_work_bytes(int64_t M, int64_t K);

/** The weights w [N,K], their columns times `times` [K] (NULL: once), as codes, units and starts. */
void dr_linear8_pack(int64_t N, int64_t K, const float *w, const float *times, int8_t *code, float *unit, float *start);

bool dr_cpu_has_linear8(void);
/** y = x wᵀ + b + residual. Needs dr_cpu_has_linear8(). A NaN or infinity in a row of x makes its outputs NaN. */
void dr_cpu_linear8(const dr_linear8 *p, void *work);

#endif
