/* Products of matrices that are the host's, as adapters and what is made of them need: values go to the rows and come
 * back. */
#ifndef DR_PIPELINE_HOST_MATRIX_H
#define DR_PIPELINE_HOST_MATRIX_H

#include "base/status.h"

#include <stdint.h>

/** c [m,n] = a [m,k] b [k,n], by the table of ops. DR_ENOMEM. */
dr_status dr_host_product(int64_t m, int64_t k, int64_t n, const float *a, const float *b, float *c);

/** a [rows,columns] as [columns,rows]. */
void dr_host_transpose(const float *a, int64_t rows, int64_t columns, float *out);

#endif
