/* Server-Sent Events (HTML standard, section 9.2): what happens, told to everybody who listens.
 *
 * Events lie in one ring; a listener is a place in it, so a thousand of them cost little. One that falls so far behind
 * that its events are gone, or comes back with an id of another run, is told `sync`: ask again for everything. */
#ifndef DR_SERVE_HTTP_EVENTS_H
#define DR_SERVE_HTTP_EVENTS_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct dr_events dr_events;
typedef struct dr_stream dr_stream;

dr_status dr_events_new(dr_events **out);
void dr_events_free(dr_events *e);

/**
 * Tells everybody.
 *
 * @param job   the job it is of, for those who listen to one; 0: none, all hear it
 * @param only  those who listen to this job, nobody else
 */
void dr_events_say(dr_events *e, const char *event, int64_t job, bool only, const json_t *data);

/** A comment that keeps lines open. */
void dr_events_ping(dr_events *e);

/** Ends every line; new ones end at once. */
void dr_events_stop(dr_events *e);

/**
 * A new listener.
 *
 * @param job    0: all jobs
 * @param last   Last-Event-ID, or NULL
 * @param first  what it hears first (events as text), when it has missed something or is new; malloc'ed, taken
 * @param wake   called when there is something to read again, after dr_stream_read() said 0; any thread
 */
dr_stream *dr_stream_new(dr_events *e, int64_t job, const char *last, char *first, void (*wake)(void *user),
                         void *user);
void dr_stream_free(dr_stream *l);

/** Up to `max` bytes. 0: nothing now, `pause` was called and wake() will be; -1: the end. */
ssize_t dr_stream_read(dr_stream *l, char *buf, size_t max, void (*pause)(void *user));

/** One event as text, malloc'ed; NULL when out of memory. `id` "" has none. */
char *dr_event_text(const char *id, const char *event, const json_t *data);

#endif
