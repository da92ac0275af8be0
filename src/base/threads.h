/* How many threads computations use, and Ctrl-C. */
#ifndef DR_BASE_THREADS_H
#define DR_BASE_THREADS_H

#include <stdbool.h>

/** Physical cores this process may use: affinity, cgroup quota and SMT siblings respected. At least 1. */
int dr_cpu_count(void);

/** Sets the OpenMP thread count of this process; 0 = dr_cpu_count(). Returns the count. */
int dr_set_threads(int n);
int dr_threads(void);

#endif
