/* The best approximation of a matrix by one of low rank: its largest singular values (Eckart and Young 1936). */
#ifndef DR_PIPELINE_LOW_RANK_H
#define DR_PIPELINE_LOW_RANK_H

#include "base/status.h"

#include <stdint.h>

/**
 * d ~ up · down, the square root of the singular values in each.
 *
 * Small matrices are decomposed whole (LAPACK's gesdd). Of large ones a random basis of a few columns more than the
 * rank is made, sharpened by four rounds of power iteration, and decomposed in it (Halko, Martinsson and Tropp 2011,
 * arXiv:0909.4061, algorithm 4.4 and section 5.1): what is lost is far below what the rank leaves out anyway.
 *
 * @param d     [rows,columns], finite
 * @param rank  1 to the smaller side (asserted)
 * @param up    [rows,rank]
 * @param down  [rank,columns]
 * @param kept  the squares that are held, of all; in parts of one
 * @return DR_ENOMEM, or DR_EINVAL when LAPACK finds no solution
 */
dr_status dr_low_rank(const float *d, int64_t rows, int64_t columns, int64_t rank, float *up, float *down,
                      double *kept);

#endif
