#include "base/cgroup.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { V1, V2, VERSIONS };

typedef struct hierarchy {
    char path[PATH_MAX];  /* the process' group, as the kernel calls it: "/system.slice/drape.service" */
    char at[PATH_MAX];    /* where the hierarchy is mounted: "/sys/fs/cgroup" */
    char below[PATH_MAX]; /* the group that is the mount's root: "/", or a container's own */
    bool member, mounted;
} hierarchy;

/* One of the words between commas is `word`. */
static bool lists(const char *list, size_t n, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i < n; i += strcspn(list + i, ",") + 1)
        if (n - i >= length && strncmp(list + i, word, length) == 0 && (i + length == n || list[i + length] == ','))
            return true;
    return false;
}

static FILE *open_in(const char *root, const char *folder, const char *name)
{
    char path[4 * PATH_MAX];
    snprintf(path, sizeof path, "%s%s/%s", root, folder, name);
    return fopen(path, "r");
}

/* /proc/self/cgroup: "4:cpu,cpuacct:/docker/ab12" of v1, "0::/user.slice" of v2 */
static void find_groups(const char *root, hierarchy *h)
{
    char line[PATH_MAX + 256];
    FILE *f = open_in(root, "/proc/self", "cgroup");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        size_t n = (size_t)(path - ++controllers);
        hierarchy *mine = n == 0 ? &h[V2] : lists(controllers, n, "cpu") ? &h[V1] : NULL;
        if (!mine)
            continue;
        snprintf(mine->path, sizeof mine->path, "%.*s", PATH_MAX - 1, path + 1);
        mine->member = true;
    }
    if (f)
        fclose(f);
}

/* mountinfo writes a space as \040 */
static void unescape(char *s)
{
    char *to = s;
    for (; *s; s++) {
        if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
            *to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + s[3] - '0');
            s += 3;
        } else
            *to++ = *s;
    }
    *to = 0;
}

/* /proc/self/mountinfo: "31 23 0:28 ROOT AT options [optional...] - TYPE source SUPER_OPTIONS" */
static void find_mounts(const char *root, hierarchy *h)
{
    char line[4 * PATH_MAX], below[PATH_MAX], at[PATH_MAX], type[64], options[1024];
    FILE *f = open_in(root, "/proc/self", "mountinfo");
    while (f && fgets(line, sizeof line, f)) {
        const char *rest = strstr(line, " - ");
        if (!rest || sscanf(line, "%*d %*d %*s %4095s %4095s", below, at) != 2 ||
            sscanf(rest + 3, "%63s %*s %1023s", type, options) != 2)
            continue;
        bool v2 = strcmp(type, "cgroup2") == 0;
        hierarchy *mine = &h[v2 ? V2 : V1];
        if (mine->mounted || (!v2 && (strcmp(type, "cgroup") != 0 || !lists(options, strlen(options), "cpu"))))
            continue;
        unescape(below);
        unescape(at);
        memcpy(mine->below, below, sizeof below);
        memcpy(mine->at, at, sizeof at);
        mine->mounted = true;
    }
    if (f)
        fclose(f);
}

/* CPUs' worth of one group, or 0. v2 writes "max" where nothing limits it, v1 -1. */
static double group_cpus(const char *root, const char *folder, int version)
{
    char quota[32] = "";
    double period = 0, time = 0;
    FILE *f = open_in(root, folder, version == V2 ? "cpu.max" : "cpu.cfs_quota_us");
    if (!f)
        return 0;
    if (fscanf(f, "%31s %lf", quota, &period) >= 1)
        time = strtod(quota, NULL);
    fclose(f);
    f = version == V1 ? open_in(root, folder, "cpu.cfs_period_us") : NULL;
    if (f) {
        if (fscanf(f, "%lf", &period) != 1)
            period = 0;
        fclose(f);
    }
    return time > 0 && period > 0 ? time / period : 0;
}

/* The path below the mount; "" when the mount shows another part of the tree, as in some containers. */
static const char *inside(const hierarchy *h)
{
    size_t n = strcmp(h->below, "/") == 0 ? 0 : strlen(h->below);
    const char *rest = h->path + n;
    if (strncmp(h->path, h->below, n) != 0 || (rest[0] && rest[0] != '/') || strstr(rest, "/.."))
        return "";
    return rest;
}

double dr_cgroup_cpus(const char *root)
{
    static const char *const usual[VERSIONS] = {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup"};
    hierarchy h[VERSIONS] = {0};
    char folder[2 * PATH_MAX];
    double least = 0;
    find_groups(root, h);
    find_mounts(root, h);
    for (int v = 0; v < VERSIONS; v++) {
        const char *at = h[v].mounted ? h[v].at : usual[v]; /* without /proc: a container's own group */
        const char *rest = h[v].mounted && h[v].member ? inside(&h[v]) : "";
        size_t top = strlen(at);
        if (snprintf(folder, sizeof folder, "%s%s", at, rest) >= (int)sizeof folder)
            continue;
        for (;;) {
            double cpus = group_cpus(root, folder, v);
            if (cpus > 0 && (least == 0 || cpus < least))
                least = cpus;
            char *slash = strrchr(folder, '/');
            if (!slash || (size_t)(slash - folder) < top)
                break;
            *slash = 0;
        }
    }
    return least;
}
