/* A progress bar on stderr with the time left. Silent when quiet; plain lines when stderr is no terminal. */
#ifndef DR_BASE_PROGRESS_H
#define DR_BASE_PROGRESS_H

#include <stdbool.h>

typedef struct dr_progress {
    const char *label;
    double started, last_drawn;
    long total, done;
    long first; /* what was done before the clock started (a resumed job); set it after start */
    bool quiet, tty, drawn;
} dr_progress;

/** Seconds of a clock that only goes forward. */
double dr_now(void);

void dr_progress_start(dr_progress *p, const char *label, long total, bool quiet);
/** `extra` is shown behind the bar; may be NULL. Draws at most ten times a second. */
void dr_progress_set(dr_progress *p, long done, const char *extra);
/** Ends the line. */
void dr_progress_end(dr_progress *p);

/** Resident memory of this process now and at its peak, in bytes; 0 if unknown. */
unsigned long long dr_rss_now(void);
unsigned long long dr_rss_peak(void);
/** From now on the peak is that of what follows; false where the system cannot do that. */
bool dr_rss_peak_restart(void);
/** Memory this process could still take (MemAvailable, bounded by the cgroup's limit), in bytes; 0 if unknown. */
unsigned long long dr_mem_available(void);

#endif
