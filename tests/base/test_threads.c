#include "base/threads.h"

#include "base/cgroup.h"
#include "base/file.h"

#include <omp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64]; /* of a machine that is laid out in files */

static int lay_out(void **state)
{
    (void)state;
    strcpy(root, "/tmp/drape-machine-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int take_away(void **state)
{
    char command[96];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void put(const char *path, const char *text)
{
    char full[512], command[600];
    snprintf(full, sizeof full, "%s%s", root, path);
    snprintf(command, sizeof command, "mkdir -p \"$(dirname '%s')\"", full);
    assert_int_equal(system(command), 0);
    assert_int_equal(dr_file_write(full, text, strlen(text)), DR_OK);
}

static void expect_cpus(double want)
{
    double got = dr_cgroup_cpus(root);
    if (got < want - 1e-9 || got > want + 1e-9)
        fail_msg("%g CPUs, not %g", got, want);
}

#define V2_MOUNT "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_MOUNTS                                                                                                      \
    "31 23 0:28 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755\n"                                                \
    "33 31 0:31 %s /sys/fs/cgroup/cpuset rw,relatime shared:9 - cgroup cgroup rw,cpuset\n"                             \
    "32 31 0:29 %s /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:8 master:3 - cgroup cgroup rw,cpu,cpuacct\n"

static void without_groups_nothing_is_limited(void **state)
{
    (void)state;
    expect_cpus(0);
    put("/proc/self/cgroup", "0::/\n");
    put("/proc/self/mountinfo", V2_MOUNT);
    expect_cpus(0);
    put("/sys/fs/cgroup/cpu.max", "max 100000\n");
    expect_cpus(0);
}

static void the_least_quota_on_the_path_to_the_root_counts(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/a.slice/b.slice/c.scope\n");
    put("/proc/self/mountinfo", V2_MOUNT);
    put("/sys/fs/cgroup/a.slice/cpu.max", "300000 100000\n");
    put("/sys/fs/cgroup/a.slice/b.slice/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/a.slice/b.slice/c.scope/cpu.max", "max 100000\n");
    expect_cpus(3);
    put("/sys/fs/cgroup/a.slice/b.slice/cpu.max", "75000 50000\n");
    expect_cpus(1.5);
    put("/sys/fs/cgroup/a.slice/b.slice/c.scope/cpu.max", "400000 100000\n");
    expect_cpus(1.5);
    put("/sys/fs/cgroup/a.slice/sister/cpu.max", "10000 100000\n");
    expect_cpus(1.5);
}

static void a_container_sees_its_own_group_at_the_mount(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    put("/proc/self/mountinfo", V2_MOUNT);
    put("/sys/fs/cgroup/cpu.max", "250000 100000\n");
    expect_cpus(2.5);
    put("/proc/self/cgroup", "0::/../../elsewhere\n"); /* moved out of its namespace: what is mounted still counts */
    expect_cpus(2.5);
}

static void version_1_has_quota_and_period_in_two_files(void **state)
{
    char mounts[1024];
    (void)state;
    snprintf(mounts, sizeof mounts, V1_MOUNTS, "/", "/");
    put("/proc/self/mountinfo", mounts);
    put("/proc/self/cgroup", "5:cpuset:/elsewhere\n4:cpu,cpuacct:/a/b\n1:name=systemd:/\n0::/\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
    expect_cpus(0);
    put("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "50000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "20000\n");
    expect_cpus(2.5);
    put("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "100000\n");
    expect_cpus(1);
}

static void a_mount_of_part_of_the_tree_is_followed(void **state)
{
    char mounts[1024];
    (void)state;
    snprintf(mounts, sizeof mounts, V1_MOUNTS, "/docker/ab", "/docker/ab");
    put("/proc/self/mountinfo", mounts);
    put("/proc/self/cgroup", "4:cpu,cpuacct:/docker/ab/job\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "400000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "200000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
    expect_cpus(2);
    put("/proc/self/cgroup", "4:cpu,cpuacct:/docker/abc/job\n"); /* another group whose name begins the same */
    expect_cpus(4);
}

static void a_folder_with_a_space_in_its_name_is_found(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/my job\n");
    put("/proc/self/mountinfo", "30 23 0:26 / /mnt/control\\040groups rw - cgroup2 none rw\n");
    put("/mnt/control groups/my job/cpu.max", "100000 100000\n");
    expect_cpus(1);
}

static void without_proc_the_usual_places_are_read(void **state)
{
    (void)state;
    put("/sys/fs/cgroup/cpu.max", "150000 100000\n");
    expect_cpus(1.5);
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    expect_cpus(0.5);
}

static void broken_files_limit_nothing(void **state)
{
    static const char *const lines[] = {"", "\n", "0", "-5 100000", "100000", "100000 0", "many 100000", "100000 -1"};
    (void)state;
    put("/proc/self/cgroup", "nonsense\n::\n0:\n\n4:cpu\n");
    put("/proc/self/mountinfo", "1 2 3\n - \n30 23 0:26 - cgroup2\n");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        put("/sys/fs/cgroup/cpu.max", lines[i]);
        expect_cpus(0);
    }
}

static void a_quarter_of_a_cpu_is_worth_a_thread(void **state)
{
    (void)state;
    assert_int_equal(dr_threads_within(8, 0), 8);
    assert_int_equal(dr_threads_within(8, 100), 8);
    assert_int_equal(dr_threads_within(8, 3), 3);
    assert_int_equal(dr_threads_within(8, 2.1), 2);
    assert_int_equal(dr_threads_within(8, 2.25), 3);
    assert_int_equal(dr_threads_within(8, 1.5), 2);
    assert_int_equal(dr_threads_within(8, 0.1), 1);
    assert_int_equal(dr_threads_within(2, 1.9), 2);
    assert_int_equal(dr_threads_within(0, 0), 1);
}

static void omp_num_threads_is_the_users_word(void **state)
{
    (void)state;
    assert_int_equal(dr_threads_asked(NULL), 0);
    assert_int_equal(dr_threads_asked(""), 0);
    assert_int_equal(dr_threads_asked("3"), 3);
    assert_int_equal(dr_threads_asked(" 3 "), 3);
    assert_int_equal(dr_threads_asked("4,2"), 4);
    assert_int_equal(dr_threads_asked("0"), 0);
    assert_int_equal(dr_threads_asked("-2"), 0);
    assert_int_equal(dr_threads_asked("four"), 0);
    assert_int_equal(dr_threads_asked("4x"), 0);
    assert_int_equal(dr_threads_asked("99999999999999999999"), 0);

    assert_int_equal(setenv("OMP_NUM_THREADS", "7", 1), 0);
    assert_int_equal(dr_set_threads(0), 7);
    assert_int_equal(dr_set_threads(2), 2); /* --threads stands above it */
    assert_int_equal(omp_get_max_threads(), 2);
    unsetenv("OMP_NUM_THREADS");
}

static void *ask(void *out)
{
    *(int *)out = dr_threads() == omp_get_max_threads() ? dr_threads() : -1;
    return NULL;
}

static void every_thread_of_the_caller_computes_with_the_count_that_was_set(void **state)
{
    pthread_t other;
    int seen = 0;
    (void)state;
    for (int n = 1; n <= 3; n++) {
        dr_set_threads(n);
        assert_int_equal(pthread_create(&other, NULL, ask, &seen), 0);
        assert_int_equal(pthread_join(other, NULL), 0);
        assert_int_equal(seen, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_groups_nothing_is_limited, lay_out, take_away),
        cmocka_unit_test_setup_teardown(the_least_quota_on_the_path_to_the_root_counts, lay_out, take_away),
        cmocka_unit_test_setup_teardown(a_container_sees_its_own_group_at_the_mount, lay_out, take_away),
        cmocka_unit_test_setup_teardown(version_1_has_quota_and_period_in_two_files, lay_out, take_away),
        cmocka_unit_test_setup_teardown(a_mount_of_part_of_the_tree_is_followed, lay_out, take_away),
        cmocka_unit_test_setup_teardown(a_folder_with_a_space_in_its_name_is_found, lay_out, take_away),
        cmocka_unit_test_setup_teardown(without_proc_the_usual_places_are_read, lay_out, take_away),
        cmocka_unit_test_setup_teardown(broken_files_limit_nothing, lay_out, take_away),
        cmocka_unit_test(a_quarter_of_a_cpu_is_worth_a_thread),
        cmocka_unit_test(omp_num_threads_is_the_users_word),
        cmocka_unit_test(every_thread_of_the_caller_computes_with_the_count_that_was_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
