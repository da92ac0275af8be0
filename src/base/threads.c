#define _GNU_SOURCE
#include "base/threads.h"

#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Atomic int threads;

#if defined(__linux__)
/* The lowest-numbered hardware thread of the core that `cpu` belongs to; `cpu` itself if unknown. */
static int first_sibling(int cpu)
{
    char path[128];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *f = fopen(path, "r");
    int first = cpu;
    if (f) {
        if (fscanf(f, "%d", &first) != 1)
            first = cpu;
        fclose(f);
    }
    return first;
}

/* CPUs that the cgroup's quota allows, rounded up; 0 when there is no quota. */
static int cgroup_quota(void)
{
    char quota[32];
    long period = 0;
    int n = 0;
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (!f)
        return 0;
    if (fscanf(f, "%31s %ld", quota, &period) == 2 && period > 0 && strcmp(quota, "max") != 0)
        n = (int)((atol(quota) + period - 1) / period);
    fclose(f);
    return n;
}

int dr_cpu_count(void)
{
    cpu_set_t allowed, cores;
    CPU_ZERO(&cores);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 1;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &allowed))
            CPU_SET(first_sibling(i), &cores);
    int n = CPU_COUNT(&cores), quota = cgroup_quota();
    if (quota > 0 && quota < n)
        n = quota;
    return n > 0 ? n : 1;
}
#else
int dr_cpu_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}
#endif

int dr_set_threads(int n)
{
    threads = n > 0 ? n : dr_cpu_count();
    omp_set_num_threads(threads);
    return threads;
}

int dr_threads(void)
{
    return threads ? threads : dr_set_threads(0);
}
