#include "serve/http/guard.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool dr_is_this_machine(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || strcmp(host, "[::1]") == 0 ||
           (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host));
}

bool dr_same_secret(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned char differ = n != m;
    for (size_t i = 0; i < n; i++)
        differ |= (unsigned char)(a[i] ^ b[m ? i % m : 0]);
    return m > 0 && !differ;
}

/* "name:7860" and "[::1]:7860" to the name; the port must be ours, or be left out. */
static bool split_host(const char *host, int port, char name[256])
{
    size_t n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    char *end;
    if (n == 0 || n > 255 || n > strlen(host))
        return false;
    memcpy(name, host, n);
    name[n] = 0;
    if (host[n] == 0)
        return true;
    return host[n] == ':' && strtol(host + n + 1, &end, 10) == port && *end == 0;
}

static bool host_is_ours(const dr_guard *g, const char *host)
{
    char name[256];
    if (!host || !split_host(host, g->port, name))
        return false;
    return dr_is_this_machine(name) || strcasecmp(name, g->host) == 0;
}

/* The next entry of a list with commas, and its length without blanks; NULL behind the last. */
static const char *next_entry(const char **at, size_t *n)
{
    const char *start = *at ? *at + strspn(*at, " ,") : "";
    *n = strcspn(start, ",");
    *at = start + *n;
    while (*n > 0 && start[*n - 1] == ' ')
        --*n;
    return start[0] ? start : NULL;
}

bool dr_list_has(const char *list, const char *entry)
{
    size_t n;
    const char *at = list, *one;
    while ((one = next_entry(&at, &n)) != NULL)
        if (strlen(entry) == n && strncasecmp(one, entry, n) == 0)
            return true;
    return false;
}

bool dr_guard_lists(const dr_guard *g, const char *origin)
{
    return origin && (dr_list_has(g->origins, "*") || dr_list_has(g->origins, origin));
}

bool dr_guard_allows_all(const dr_guard *g)
{
    return dr_guard_lists(g, "*");
}

static bool is_origin(const char *entry, size_t n)
{
    static const char host[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~[]:";
    size_t scheme = strspn(entry, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    if (n == 1 && *entry == '*')
        return true;
    return scheme > 0 && n > scheme + 3 && strncmp(entry + scheme, "://", 3) == 0 &&
           strspn(entry + scheme + 3, host) >= n - scheme - 3;
}

bool dr_are_origins(const char *list)
{
    size_t n, count = 0;
    const char *at = list, *entry;
    for (; (entry = next_entry(&at, &n)) != NULL; count++)
        if (!is_origin(entry, n))
            return false;
    return count > 0;
}

/* A page's origin is ours when it is the host it asks. */
static bool origin_is_ours(const dr_credentials *c)
{
    const char *at = c->origin ? strstr(c->origin, "://") : NULL;
    if (!c->origin)
        return true; /* no browser's script, or a GET */
    return at && c->host && strcasecmp(at + 3, c->host) == 0;
}

static bool site_is_ours(const dr_credentials *c, bool get)
{
    if (!c->fetch_site || strcmp(c->fetch_site, "same-origin") == 0 || strcmp(c->fetch_site, "none") == 0)
        return true;
    return get && c->fetch_mode && strcmp(c->fetch_mode, "navigate") == 0; /* a person follows a link to us */
}

bool dr_guard_needs_token(const dr_guard *g)
{
    return g->token || (g->has_clients && g->has_clients(g->user));
}

bool dr_guard_knows(const dr_guard *g, const char *token, dr_caller *who)
{
    *who = (dr_caller){.rights = "admin", .priority = 100};
    return (g->token && dr_same_secret(g->token, token)) || (g->client && g->client(g->user, token, who));
}

static bool basic_has_token(const dr_guard *g, const char *base64, dr_caller *who)
{
    gsize n;
    guchar *text = strlen(base64) < 1024 ? g_base64_decode(base64, &n) : NULL;
    char *copy = text ? g_strndup((char *)text, n) : NULL;
    const char *colon = copy ? strchr(copy, ':') : NULL;
    bool known = colon && dr_guard_knows(g, colon + 1, who);
    g_free(text);
    g_free(copy);
    return known;
}

static bool cookie_has_token(const dr_guard *g, const char *cookie, dr_caller *who)
{
    for (const char *at = cookie; at && (at = strstr(at, "drape_token=")); at += 12) {
        char value[256];
        size_t n = strcspn(at + 12, ";");
        if ((at > cookie && at[-1] != ' ' && at[-1] != ';') || n >= sizeof value)
            continue;
        memcpy(value, at + 12, n);
        value[n] = 0;
        if (dr_guard_knows(g, value, who))
            return true;
    }
    return false;
}

static bool has_token(const dr_guard *g, const dr_credentials *c, dr_caller *who)
{
    const char *a = c->authorization;
    if (a && strncasecmp(a, "Bearer ", 7) == 0 && dr_guard_knows(g, a + 7, who))
        return true;
    if (a && strncasecmp(a, "Basic ", 6) == 0 && basic_has_token(g, a + 6, who))
        return true;
    return cookie_has_token(g, c->cookie, who);
}

dr_verdict dr_guard_check(const dr_guard *g, const dr_credentials *c, const char *method, dr_caller *who)
{
    bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0, needed = dr_guard_needs_token(g);
    *who = (dr_caller){.rights = "admin", .priority = 100};
    if (!needed && !host_is_ours(g, c->host))
        return DR_WRONG_HOST;
    if (!dr_guard_lists(g, c->origin) && (!origin_is_ours(c) || !site_is_ours(c, get)))
        return DR_WRONG_ORIGIN;
    return needed && !has_token(g, c, who) ? DR_WRONG_TOKEN : DR_ALLOWED;
}
