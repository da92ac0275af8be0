/* How far two sets of feature vectors lie apart: the Frechet distance of the normal distributions that fit them.
 *
 * Dowson & Landau 1982; of pictures' features Heusel et al. 2017, arXiv:1706.08500:
 *   d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) */
#ifndef MINI_FRECHET_H
#define MINI_FRECHET_H

#include "base/status.h"

#include <stdint.h>

/* Vectors of one length, one after the other. Zero-initialised means empty. */
typedef struct mini_samples {
    int dim;
    int64_t count, room;
    float *x; /* [count][dim] */
} mini_samples;
/** Adds a vector [dim]; the first says the length. */
dr_status mini_samples_add(mini_samples *s, const float *x, int dim);
void mini_samples_clear(mini_samples *s);

typedef struct mini_gaussian {
    int dim;
    double *mean, *cov; /* [dim], [dim][dim]; one allocation, at mean */
} mini_gaussian;

/**
 * Mean and covariance (over count - 1). What lies off the covariance's diagonal is taken times count / (count + dim):
 * with few vectors it is mostly chance.
 *
 * @return DR_EINVAL for fewer than two vectors
 */
dr_status mini_gaussian_fit(mini_gaussian *g, const mini_samples *s);
void mini_gaussian_clear(mini_gaussian *g);

/** d^2; both of the same length. */
dr_status mini_frechet(const mini_gaussian *a, const mini_gaussian *b, double *d2);

/** Eigenvalues and eigenvectors (in the columns of `vector`) of a symmetric matrix [n][n], which is used up. By
 * Jacobi's rotations, for n of some hundreds at most. */
void mini_symmetric_eigen(double *a, int n, double *value, double *vector);

#endif
