/* The thread that hears what happens in the store, whoever did it, and tells listeners, the worker, and whoever waits
 * for a job. A server that is alone with its store hears of its own doings in this way, too. */
#ifndef DR_SERVE_JOBS_NEWS_H
#define DR_SERVE_JOBS_NEWS_H

#include "serve/jobs/studio.h"

typedef struct dr_reporter dr_reporter;

dr_status dr_reporter_start(dr_reporter **out, dr_studio *s);
void dr_reporter_stop(dr_reporter *r);

#endif
