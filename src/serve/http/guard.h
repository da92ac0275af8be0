/* Who may ask: Host and Origin (against DNS rebinding and requests that other sites make in a visitor's browser), and
 * a token: the server's one, or one of those that clients have of their own. */
#ifndef DR_SERVE_HTTP_GUARD_H
#define DR_SERVE_HTTP_GUARD_H

#include <stdbool.h>

/* Who asks, and what that one may. */
typedef struct dr_caller {
    char
        name[65]; /* of the client, by its token; "": whoever started the server, or anybody where no token is needed */
    char rights[16]; /* "admin", "use", "metrics" */
    int priority;    /* the highest that its jobs may have */
} dr_caller;

typedef struct dr_guard {
    const char *host; /* that --host named */
    _Atomic int port;
    const char *token;   /* NULL: there is none for all */
    const char *origins; /* of other sites' pages that may ask: "http://a.example,http://b.example:3000" or "*" */
    /* Tokens of clients, each with a name. Asked for every request, so neither may wait. NULL: there are none. */
    bool (*has_clients)(void *user);                               /* any: then a token is needed */
    bool (*client)(void *user, const char *token, dr_caller *who); /* whose it is; false: nobody's */
    void *user;
} dr_guard;

/* The headers that matter; any may be NULL. */
typedef struct dr_credentials {
    const char *host, *origin, *fetch_site, *fetch_mode; /* Host, Origin, Sec-Fetch-Site, Sec-Fetch-Mode */
    const char *authorization, *cookie;
} dr_credentials;

typedef enum dr_verdict { DR_ALLOWED, DR_WRONG_HOST, DR_WRONG_ORIGIN, DR_WRONG_TOKEN } dr_verdict;

/**
 * Without a token only this machine asks, by one of its own names: another name that leads here is an attack. With a
 * token the name is free, since a stranger's page lacks the token.
 *
 * @param method  other than GET and HEAD must not come from another site's page; GET only where a person went there
 * @param who     gets the client whose token it was; otherwise somebody without a name, who may do everything
 */
dr_verdict dr_guard_check(const dr_guard *g, const dr_credentials *c, const char *method, dr_caller *who);

/** True when a request must bring a token. */
bool dr_guard_needs_token(const dr_guard *g);

/** True for the server's token and for a client's, which comes in `who`. */
bool dr_guard_knows(const dr_guard *g, const char *token, dr_caller *who);

/** True for an origin that `origins` lists; false for NULL. */
bool dr_guard_lists(const dr_guard *g, const char *origin);

/** True when `origins` is every site. */
bool dr_guard_allows_all(const dr_guard *g);

/** True for a list of "*" or of origins: a scheme, a host, perhaps a port, and nothing behind it. */
bool dr_are_origins(const char *list);

/** Equal, in a time that does not tell how much of it. */
bool dr_same_secret(const char *a, const char *b);

/** True when a list with commas has the entry, letter case aside. */
bool dr_list_has(const char *list, const char *entry);

/** True for an address that only this machine reaches. */
bool dr_is_this_machine(const char *host);

#endif
