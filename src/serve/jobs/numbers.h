/* /metrics: what the store and this process count, in Prometheus' text format (version 0.0.4). */
#ifndef DR_SERVE_JOBS_NUMBERS_H
#define DR_SERVE_JOBS_NUMBERS_H

#include "serve/jobs/studio.h"

/** Which of the times that are told apart a job's seconds are; the last one has no end. */
int dr_time_bucket(double seconds);

/** The page, malloc'ed. A database that does not answer is a number on it (drape_store_up 0), not a failure. */
char *dr_numbers_text(dr_studio *s);

#endif
