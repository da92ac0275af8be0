#define _GNU_SOURCE
#include "base/threads.h"

#include "base/cgroup.h"

#include <ctype.h>
#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic int threads;
static _Thread_local int mine; /* what this thread's OpenMP was told */

#if defined(__linux__)
/* The lowest-numbered hardware thread of the core that `cpu` belongs to; `cpu` itself if unknown. */
static size_t first_sibling(size_t cpu)
{
    char path[128];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list", cpu);
    FILE *f = fopen(path, "r");
    size_t first = cpu;
    if (f) {
        if (fscanf(f, "%zu", &first) != 1)
            first = cpu;
        fclose(f);
    }
    return first;
}

/* Cores of the affinity mask, of a set that has room for `room` CPUs; 0 when the kernel has more than that. */
static int count_cores(size_t room)
{
    size_t size = CPU_ALLOC_SIZE(room);
    cpu_set_t *allowed = CPU_ALLOC(room), *cores = CPU_ALLOC(room);
    int n = 0;
    if (allowed && cores && sched_getaffinity(0, size, allowed) == 0) {
        CPU_ZERO_S(size, cores);
        for (size_t i = 0; i < room; i++)
            if (CPU_ISSET_S(i, size, allowed))
                CPU_SET_S(first_sibling(i), size, cores);
        n = CPU_COUNT_S(size, cores);
    }
    CPU_FREE(allowed);
    CPU_FREE(cores);
    return n;
}

static int cores(void)
{
    int n = 0;
    for (size_t room = CPU_SETSIZE; n == 0 && room <= 64 * CPU_SETSIZE; room *= 4)
        n = count_cores(room);
    return n;
}
#else
static int cores(void)
{
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}
#endif

/* Part of a CPU is worth a thread of its own from a quarter on: with 1.1 CPUs two threads would spend more on waiting
 * for each other than the tenth brings. */
int dr_threads_within(int cores, double quota)
{
    if (quota > 0 && quota < cores) {
        int whole = (int)quota;
        cores = whole + (quota - whole >= 0.25);
    }
    return cores > 0 ? cores : 1;
}

int dr_threads_asked(const char *variable)
{
    char *end;
    if (!variable)
        return 0;
    long n = strtol(variable, &end, 10);
    while (isspace((unsigned char)*end))
        end++;
    return end != variable && (!*end || *end == ',') && n > 0 && n <= 65536 ? (int)n : 0;
}

int dr_cpu_count(void)
{
    int asked = dr_threads_asked(getenv("OMP_NUM_THREADS"));
    return asked ? asked : dr_threads_within(cores(), dr_cgroup_cpus(""));
}

int dr_set_threads(int n)
{
    threads = mine = n > 0 ? n : dr_cpu_count();
    omp_set_num_threads(mine);
    return mine;
}

int dr_threads(void)
{
    int all = threads;
    if (!all)
        return dr_set_threads(0);
    if (mine != all)
        omp_set_num_threads(mine = all);
    return all;
}
