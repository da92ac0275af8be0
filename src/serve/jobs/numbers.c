#include "serve/jobs/numbers.h"

#include "base/json.h"
#include "serve/jobs/kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seconds; a mask takes one, a training of a whole model hours. */
static const double until[] = {0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000};
enum { BUCKETS = sizeof until / sizeof *until };

#define WORKERS_SECONDS 30 /* one that was silent for so long is gone */

int dr_time_bucket(double seconds)
{
    int i = 0;
    while (i < BUCKETS && seconds > until[i])
        i++;
    return i;
}

static void head(FILE *f, const char *name, const char *type, const char *help)
{
    fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static long long ever(const dr_counts *c, const char *name)
{
    return (long long)json_integer_value(json_object_get(c->ever, name));
}

static void print_ends(const dr_counts *c, FILE *f)
{
    static const char *const states[] = {"done", "failed", "cancelled"};
    char name[64];
    head(f, "drape_jobs_ended_total", "counter", "Jobs that ended, of all machines.");
    for (int k = 0; k < DR_KINDS; k++)
        for (int i = 0; i < 3; i++) {
            snprintf(name, sizeof name, "ended|%s|%s", dr_kinds[k].name, states[i]);
            fprintf(f, "drape_jobs_ended_total{kind=\"%s\",state=\"%s\"} %lld\n", dr_kinds[k].name, states[i],
                    ever(c, name));
        }
    head(f, "drape_leases_lost_total", "counter", "Jobs whose worker fell silent, and which waited again.");
    fprintf(f, "drape_leases_lost_total %lld\n", ever(c, "lost"));
}

static void print_times(const dr_counts *c, FILE *f)
{
    char name[64];
    head(f, "drape_job_seconds", "histogram", "How long jobs ran that were done or failed, of all machines.");
    for (int k = 0; k < DR_KINDS; k++) {
        const char *kind = dr_kinds[k].name;
        long long sum = 0;
        for (int i = 0; i <= BUCKETS; i++) {
            snprintf(name, sizeof name, "took|%s|%d", kind, i);
            sum += ever(c, name);
            fprintf(f, "drape_job_seconds_bucket{kind=\"%s\",le=\"", kind);
            if (i < BUCKETS)
                fprintf(f, "%g\"} %lld\n", until[i], sum);
            else
                fprintf(f, "+Inf\"} %lld\n", sum);
        }
        snprintf(name, sizeof name, "ms|%s", kind);
        fprintf(f, "drape_job_seconds_sum{kind=\"%s\"} %.3f\ndrape_job_seconds_count{kind=\"%s\"} %lld\n", kind,
                (double)ever(c, name) / 1000, kind, sum);
    }
}

static void print_store(dr_studio *s, const dr_counts *c, FILE *f)
{
    json_t *workers = NULL;
    head(f, "drape_jobs", "gauge", "Jobs in the queue and at work.");
    fprintf(f, "drape_jobs{state=\"waiting\"} %lld\ndrape_jobs{state=\"running\"} %lld\n", (long long)c->waiting,
            (long long)c->running);
    head(f, "drape_queue_oldest_seconds", "gauge", "How long the oldest job waits.");
    fprintf(f, "drape_queue_oldest_seconds %.3f\n", c->oldest);
    if (!dr_store_workers(s->store, WORKERS_SECONDS, &workers)) {
        head(f, "drape_workers", "gauge", "Workers elsewhere that gave a sign of life lately.");
        fprintf(f, "drape_workers %zu\n", json_array_size(workers));
    }
    json_decref(workers);
    print_ends(c, f);
    print_times(c, f);
    head(f, "drape_pictures", "gauge", "Pictures in the store.");
    fprintf(f, "drape_pictures %lld\n", (long long)c->pictures);
    head(f, "drape_pictures_bytes", "gauge", "Their size.");
    fprintf(f, "drape_pictures_bytes %lld\n", (long long)c->bytes);
}

static void print_process(dr_studio *s, FILE *f)
{
    head(f, "drape_build_info", "gauge", "Which drape this is.");
    fprintf(f, "drape_build_info{version=\"%s\"} 1\n", drape_version());
    head(f, "drape_http_answers_total", "counter", "Answers of this process, by the first digit of their status.");
    for (int i = 2; i <= 5; i++)
        fprintf(f, "drape_http_answers_total{status=\"%dxx\"} %llu\n", i,
                (unsigned long long)atomic_load(&s->counts.answers[i]));
    head(f, "drape_http_connections", "gauge", "Open connections of this process.");
    fprintf(f, "drape_http_connections %d\n", atomic_load(&s->counts.connections));
    head(f, "drape_event_streams", "gauge", "Open streams of events of this process.");
    fprintf(f, "drape_event_streams %d\n", atomic_load(&s->counts.streams));
    pthread_mutex_lock(&s->turn);
    int64_t running = s->running;
    pthread_mutex_unlock(&s->turn);
    head(f, "drape_working", "gauge", "1 while this process computes a job.");
    fprintf(f, "drape_working %d\n", running != 0);
}

char *dr_numbers_text(dr_studio *s)
{
    char *text = NULL;
    size_t size;
    dr_counts c = {0};
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    dr_store_patience(0);
    bool up = dr_store_counts(s->store, &c) == DR_OK;
    head(f, "drape_store_up", "gauge", "1 when the database answers.");
    fprintf(f, "drape_store_up %d\n", up);
    if (up)
        print_store(s, &c, f);
    print_process(s, f);
    json_decref(c.ever);
    return fclose(f) == 0 ? text : NULL;
}
