/* OpenMP without threads, for the fuzzing build: clang's runtime beside gcc's, which oneDNN brings, would be one too
 * many in a process, and runs repeat better on one thread. The pragmas are ignored there. */
#ifndef DR_FUZZ_SERIAL_OMP_H
#define DR_FUZZ_SERIAL_OMP_H

static inline int omp_get_thread_num(void)
{
    return 0;
}

static inline int omp_get_max_threads(void)
{
    return 1;
}

static inline int omp_get_num_threads(void)
{
    return 1;
}

static inline void omp_set_num_threads(int threads)
{
    (void)threads;
}

#endif
