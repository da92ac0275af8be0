/* How much CPU time the control groups that this process is in allow it. */
#ifndef DR_BASE_CGROUP_H
#define DR_BASE_CGROUP_H

/**
 * CPUs' worth of time: 1.5 is one and a half. The least of all groups from the process' own up to the one that is
 * mounted, of cgroup v1 (cpu.cfs_quota_us, cpu.cfs_period_us) and v2 (cpu.max). 0 where nothing limits it.
 *
 * @param root  put before every path, for tests; "" for this machine
 */
double dr_cgroup_cpus(const char *root);

#endif
