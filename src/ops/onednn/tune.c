#include "ops/onednn/tune.h"

#include "base/file.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/threads.h"
#include "ops/cpu/isa.h"
#include "ops/onednn/prim.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENTRIES 4096
#define MAX_PROBLEM 120
#define MAX_CHOICE 30
#define MAX_FILE (1 << 20)
#define RUNS 3          /* of each candidate at least */
#define MORE_RUNS 20    /* of short ones, so that another process's time slice does not decide */
#define ENOUGH_TIME 0.1 /* seconds for a problem's measurements */

typedef struct entry {
    char problem[MAX_PROBLEM + 1], choice[MAX_CHOICE + 1];
} entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t measuring = PTHREAD_MUTEX_INITIALIZER;
static entry *known;
static int count;
static int known_threads; /* the thread count that the entries are for; 0: nothing is read yet */

bool dr_tune_enabled(void)
{
    const char *v = getenv("DRAPE_TUNE");
    return !v || strcmp(v, "off") != 0;
}

static void title(char *buf, size_t n)
{
    static const char *isa[] = {"base", "avx2", "avx512"};
    const dnnl_version_t *v = dnnl_version();
    snprintf(buf, n, "drape tuning 1; %s; %s; %d threads; oneDNN %d.%d.%d", dr_cpu_name(), isa[dr_cpu_isa()],
             dr_threads(), v->major, v->minor, v->patch);
}

bool dr_tune_path(char *buf, size_t n)
{
    char line[256], dir[3072];
    title(line, sizeof line);
    unsigned long long name = dr_hash(line, strlen(line));
    return dr_cache_folder(dir, sizeof dir) && dr_path_format(buf, n, dir, "tune-%016llx.txt", name) == DR_OK;
}

static entry *find(entry *e, int n, const char *problem)
{
    for (int i = 0; i < n; i++)
        if (strcmp(e[i].problem, problem) == 0)
            return e + i;
    return NULL;
}

/* --- the file --------------------------------------------------------------------------------------- */

/* "problem = choice" */
static bool parse_line(char *line, entry *e)
{
    char *sep = strstr(line, " = ");
    if (!sep)
        return false;
    *sep = 0;
    const char *choice = sep + 3;
    size_t a = strlen(line), b = strlen(choice);
    if (a == 0 || a > MAX_PROBLEM || b == 0 || b > MAX_CHOICE || strchr(choice, '='))
        return false;
    memcpy(e->problem, line, a + 1);
    memcpy(e->choice, choice, b + 1);
    return true;
}

/* The entries of the file's text; -1 if any line is not as we write it. */
static int parse(char *text, size_t size, entry *out)
{
    char want[256];
    title(want, sizeof want);
    if (strlen(text) != size || size == 0 || text[size - 1] != '\n')
        return -1;
    int n = -1;
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        *end = 0;
        if (n < 0 ? strcmp(line, want) != 0 : n == MAX_ENTRIES || !parse_line(line, out + n))
            return -1;
        n++;
        line = end + 1;
    }
    return n;
}

/* A malloc'ed table of what the file says, *n 0 if it is missing or broken; NULL when out of memory. */
static entry *read_file(int *n)
{
    char path[4096], *text = NULL;
    size_t size = 0;
    *n = 0;
    entry *e = calloc(MAX_ENTRIES, sizeof *e);
    if (!e || !dr_tune_path(path, sizeof path) || !dr_exists(path))
        return e;
    if (dr_file_read(path, MAX_FILE, &text, &size) == DR_OK) {
        *n = parse(text, size, e);
        if (*n < 0)
            *n = 0;
    }
    dr_error_clear();
    free(text);
    return e;
}

/* Writes our entries and those that other processes wrote meanwhile; theirs win in the file. A place that cannot be
 * written is no failure: the choice holds for this process. */
static void write_file(void)
{
    char path[4096], dir[3072], line[256];
    int n = 0;
    entry *e = read_file(&n);
    for (int i = 0; e && i < count && n < MAX_ENTRIES; i++)
        if (!find(e, n, known[i].problem))
            e[n++] = known[i];
    size_t size = 0, cap = sizeof line + (size_t)n * (sizeof *e + 4);
    char *text = e ? malloc(cap) : NULL;
    if (text && dr_cache_folder(dir, sizeof dir) && dr_tune_path(path, sizeof path) && dr_mkdirs(dir) == DR_OK) {
        title(line, sizeof line);
        size = (size_t)snprintf(text, cap, "%s\n", line);
        for (int i = 0; i < n; i++)
            size += (size_t)snprintf(text + size, cap - size, "%s = %s\n", e[i].problem, e[i].choice);
        if (size < MAX_FILE)
            dr_file_write(path, text, size);
    }
    dr_error_clear();
    free(text);
    free(e);
}

static void load(void)
{
    if (known_threads == dr_threads())
        return;
    free(known);
    known = read_file(&count);
    known_threads = dr_threads();
}

void dr_tune_reset(void)
{
    pthread_mutex_lock(&lock);
    free(known);
    known = NULL;
    count = 0;
    known_threads = 0;
    pthread_mutex_unlock(&lock);
}

/* --- choosing ---------------------------------------------------------------------------------------- */

int dr_tune_recall(const char *problem, const dr_candidate *c, int n)
{
    int found = -1;
    pthread_mutex_lock(&lock);
    load();
    const entry *e = known ? find(known, count, problem) : NULL;
    for (int i = 0; e && i < n; i++)
        if (strcmp(c[i].name, e->choice) == 0)
            found = i;
    pthread_mutex_unlock(&lock);
    return found;
}

void dr_tune_remember(const char *problem, const char *choice)
{
    pthread_mutex_lock(&lock);
    load();
    if (known && strlen(problem) <= MAX_PROBLEM && strlen(choice) <= MAX_CHOICE) {
        entry *e = find(known, count, problem);
        if (!e && count < MAX_ENTRIES)
            e = known + count++;
        if (e) {
            strcpy(e->problem, problem);
            strcpy(e->choice, choice);
            write_file();
        }
    }
    pthread_mutex_unlock(&lock);
}

/* The candidates take turns, so that a disturbance from outside meets all of them. One that is far behind after its
 * first runs has lost. */
static int fastest(const dr_candidate *c, int n, const void *args)
{
    double best[8] = {0};
    int winner = -1;
    for (int i = 0; i < n && i < 8; i++)
        best[i] = c[i].run(args) == DR_OK ? 1e30 : -1; /* makes primitives, packs, touches memory */
    double start = dr_now();
    for (int r = 0; r < RUNS || (r < MORE_RUNS && dr_now() - start < ENOUGH_TIME); r++) {
        for (int i = 0; i < n && i < 8; i++) {
            if (best[i] < 0 || (winner >= 0 && r >= RUNS - 1 && best[i] > 2 * best[winner]))
                continue;
            double t = dr_now();
            if (c[i].run(args) != DR_OK) {
                best[i] = -1;
                continue;
            }
            t = dr_now() - t;
            best[i] = t < best[i] ? t : best[i];
            if (winner < 0 || best[winner] < 0 || best[i] < best[winner])
                winner = i;
        }
    }
    return winner >= 0 && best[winner] > 0 ? winner : -1;
}

int dr_tune_measure(const char *problem, const dr_candidate *c, int n, const void *args)
{
    pthread_mutex_lock(&measuring);
    int choice = dr_tune_recall(problem, c, n); /* another thread may have been faster */
    if (choice < 0) {
        choice = fastest(c, n, args);
        if (choice >= 0)
            dr_tune_remember(problem, c[choice].name);
    }
    pthread_mutex_unlock(&measuring);
    return choice;
}
