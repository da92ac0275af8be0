/* Clients with tokens of their own: who asks, what they may, and what they did. */
#ifndef DR_SERVE_JOBS_CLIENTS_H
#define DR_SERVE_JOBS_CLIENTS_H

#include "serve/http/answer.h"
#include "serve/jobs/studio.h"

/** True when there are any, or were since the start: a server that asks for tokens does not stop to. For dr_guard. */
bool dr_clients_exist(void *studio);

/** Whose token it is; for dr_guard. What the store says is believed for some seconds, and for a minute if it is away.
 */
bool dr_client_find(void *studio, const char *token, dr_caller *who);

/** Looks whether there are any. Called now and then. */
void dr_clients_look(dr_studio *s);

/** True when the one who asks may change job `id`: it is theirs, or they may everything. Else the answer is set. */
bool dr_client_may(dr_studio *s, dr_request *r, int64_t id);

/** Writes down what was asked for and done. A failure is told on standard error: what was done is done. */
void dr_studio_note(dr_studio *s, const dr_request *r, const char *what, int64_t job);

#endif
