#include "base/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

double dr_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void dr_progress_start(dr_progress *p, const char *label, long total, bool quiet)
{
    *p = (dr_progress){.label = label, .total = total > 0 ? total : 1, .quiet = quiet};
    p->started = dr_now();
    p->tty = isatty(STDERR_FILENO);
}

static void format_time(char *out, size_t n, double s)
{
    long t = (long)(s + 0.5);
    if (t >= 3600)
        snprintf(out, n, "%ld:%02ld:%02ld", t / 3600, t / 60 % 60, t % 60);
    else
        snprintf(out, n, "%ld:%02ld", t / 60, t % 60);
}

static void draw(dr_progress *p, const char *extra, double now)
{
    enum { WIDTH = 24 };
    char bar[WIDTH + 1], spent[32], left[32] = "?";
    double part = (double)p->done / (double)p->total;
    int fill = (int)(part * WIDTH);
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < fill ? '=' : i == fill ? '>' : ' ';
    bar[WIDTH] = 0;
    format_time(spent, sizeof spent, now - p->started);
    if (p->done > p->first)
        format_time(left, sizeof left,
                    (now - p->started) / (double)(p->done - p->first) * (double)(p->total - p->done));
    fprintf(stderr, "%s%-14s [%s] %ld/%ld  %s, %s left%s%s%s", p->tty ? "\r" : "", p->label, bar, p->done, p->total,
            spent, left, extra ? "  " : "", extra ? extra : "", p->tty ? "\x1b[K" : "\n");
    fflush(stderr);
    p->drawn = true;
    p->last_drawn = now;
}

void dr_progress_set(dr_progress *p, long done, const char *extra)
{
    p->done = done;
    double now = dr_now(), every = p->tty ? 0.1 : 10;
    bool last = done >= p->total;
    /* a log file gets a line every ten seconds and the last one, a short job none */
    bool due = now - (p->drawn ? p->last_drawn : p->started) >= every || (last && (p->drawn || p->tty));
    if (!p->quiet && due)
        draw(p, extra, now);
}

void dr_progress_end(dr_progress *p)
{
    if (p->drawn && p->tty)
        fputc('\n', stderr);
    p->drawn = false;
}

/* The number behind `key` in a file of "key: number kB" lines, in bytes. */
static unsigned long long proc_kb(const char *path, const char *key)
{
    char line[256];
    unsigned long long kb = 0;
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    size_t n = strlen(key);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, key, n) == 0 && sscanf(line + n, ": %llu", &kb) == 1)
            break;
    fclose(f);
    return kb * 1024;
}

static unsigned long long number_in(const char *path)
{
    unsigned long long n = 0;
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    if (fscanf(f, "%llu", &n) != 1)
        n = 0;
    fclose(f);
    return n;
}

unsigned long long dr_rss_now(void)
{
    return proc_kb("/proc/self/status", "VmRSS");
}

unsigned long long dr_rss_peak(void)
{
    unsigned long long n = proc_kb("/proc/self/status", "VmHWM");
    struct rusage u;
    if (!n && getrusage(RUSAGE_SELF, &u) == 0)
        n = (unsigned long long)u.ru_maxrss * 1024;
    return n;
}

bool dr_rss_peak_restart(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    bool ok = f && fputs("5\n", f) >= 0;
    return f && fclose(f) == 0 && ok;
}

unsigned long long dr_mem_available(void)
{
    unsigned long long n = proc_kb("/proc/meminfo", "MemAvailable");
    unsigned long long max = number_in("/sys/fs/cgroup/memory.max"), now = number_in("/sys/fs/cgroup/memory.current");
    if (max > now && max - now < n)
        n = max - now;
    return n;
}
