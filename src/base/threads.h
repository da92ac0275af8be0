/* How many threads computations use. */
#ifndef DR_BASE_THREADS_H
#define DR_BASE_THREADS_H

/** What dr_set_threads(0) takes: OMP_NUM_THREADS, where the user set it; or else the physical cores that this process
 *  may use, by affinity mask, SMT siblings and the control groups' quota. At least 1. */
int dr_cpu_count(void);

/** That many cores and a quota of so many CPUs' worth of time (dr_cgroup_cpus(), 0: none): how many threads. */
int dr_threads_within(int cores, double quota);

/** The first number of an OMP_NUM_THREADS ("4" or "4,2"); 0 when there is none, or it is no such list. */
int dr_threads_asked(const char *variable);

/** Sets the count for this process; 0 = dr_cpu_count(). Returns the count. */
int dr_set_threads(int n);

/** The count. OpenMP keeps one for each thread of ours: the first call on a thread gives it the process' own. */
int dr_threads(void);

#endif
