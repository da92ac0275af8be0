/* Jobs a second through the queue alone: workers in processes of their own take jobs, do nothing, and end them.
 *
 *     cmake --build build --target store_load
 *     build/store_load URL FOLDER [JOBS=10000] [WORKERS=4]
 *
 * FOLDER is for the processes' own files. Exit status 1: a job that was lost, or done twice. */
#include "base/progress.h"
#include "serve/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEASE 30.0

static dr_store *open_store(const char *url, const char *folder, int number)
{
    char dir[1024];
    dr_store *s;
    snprintf(dir, sizeof dir, "%s/%d", folder, number);
    if (dr_store_open(&s, &(dr_store_options){.url = url, .dir = dir})) {
        fprintf(stderr, "store_load: %s\n", dr_error());
        exit(1);
    }
    return s;
}

/* Takes and ends jobs until none came for two seconds; the exit status is how many tens of thousands went wrong. */
static int work(const char *url, const char *folder, int number)
{
    char name[32];
    dr_listener *l;
    dr_news news[64];
    dr_store *s = open_store(url, folder, number);
    double last = dr_now();
    int bad = 0;
    snprintf(name, sizeof name, "load/%d", number);
    if (dr_store_listen(s, &l))
        return 1;
    while (dr_now() - last < 2) {
        dr_job j;
        dr_lease lease;
        dr_status st = dr_store_claim(s, &(dr_claim){.worker = name, .seconds = LEASE}, &j, &lease);
        if (st == DR_ENOENT) {
            (void)dr_listener_wait(l, 0.5, news, 64);
            continue;
        }
        bad += st != DR_OK;
        if (!st)
            bad += dr_store_end(s, &lease, &(dr_end){.state = "done"}) != DR_OK;
        dr_job_clear(&j);
        last = dr_now();
    }
    dr_listener_free(l);
    dr_store_close(s);
    return bad > 0;
}

static double add_all(dr_store *s, int jobs)
{
    json_t *settings = json_pack("{s:s}", "type", "mask");
    double began = dr_now();
    for (int i = 0; i < jobs; i++) {
        int64_t id;
        while (dr_store_add(s, &(dr_new_job){.type = "mask", .settings = settings, .search = ""}, &id) ==
               DR_EUNSUPPORTED)
            usleep(2000); /* the queue is full */
    }
    json_decref(settings);
    return dr_now() - began;
}

static long long ended(dr_store *s)
{
    dr_counts c;
    if (dr_store_counts(s, &c))
        return -1;
    long long n = json_integer_value(json_object_get(c.ever, "ended|mask|done"));
    n = c.waiting || c.running ? -1 : n;
    json_decref(c.ever);
    return n;
}

int main(int argc, char **argv)
{
    int jobs = argc > 3 ? atoi(argv[3]) : 10000, workers = argc > 4 ? atoi(argv[4]) : 4, bad = 0, status;
    if (argc < 3 || jobs < 1 || workers < 1 || workers > 64) {
        fprintf(stderr, "usage: store_load URL FOLDER [JOBS=10000] [WORKERS=4]\n");
        return 2;
    }
    double began = dr_now();
    for (int i = 1; i <= workers; i++)
        if (fork() == 0)
            _exit(work(argv[1], argv[2], i));
    dr_store *s = open_store(argv[1], argv[2], 0);
    long long before = ended(s);
    double adding = add_all(s, jobs);
    while (wait(&status) > 0)
        bad += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    double seconds = dr_now() - began - 2; /* they wait for more */
    long long done = ended(s) - (before > 0 ? before : 0);
    dr_store_close(s);
    printf("%d jobs, %d workers: queued in %.1f s, all done after %.1f s: %.0f jobs a second; %lld ended, %d workers "
           "failed\n",
           jobs, workers, adding, seconds, jobs / seconds, done, bad);
    return bad || done != jobs;
}
