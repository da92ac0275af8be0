#include "cli/store_tokens.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of seconds since 1970, in UTC. */
static const char *stamp(double seconds, char out[32])
{
    time_t t = (time_t)seconds;
    struct tm tm;
    if (seconds <= 0)
        return "never";
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
    return out;
}

static dr_status add(const dr_token_cli *c, const char *name, dr_store *s)
{
    char secret[64];
    dr_token t = {.priority = c->priority};
    if (strlen(name) >= sizeof t.name)
        return dr_fail(DR_EINVAL, "a client's name has at most %zu letters, '%.20s...' has %zu", sizeof t.name - 1,
                       name, strlen(name));
    snprintf(t.name, sizeof t.name, "%s", name);
    snprintf(t.rights, sizeof t.rights, "%s", c->rights);
    dr_status st = dr_store_add_token(s, &t, secret);
    if (!st)
        st = dr_store_audit(s, "", "token.add", 0, name);
    if (st)
        return st;
    printf("%s\n", secret);
    fflush(stdout);
    fprintf(stderr, "this is the only time that the token of '%s' is shown\n", name);
    return DR_OK;
}

static dr_status remove_one(const char *name, dr_store *s)
{
    dr_status st = dr_store_remove_token(s, name);
    return st ? st : dr_store_audit(s, "", "token.remove", 0, name);
}

static dr_status list(dr_store *s)
{
    dr_token *t;
    int n;
    char created[32], used[32];
    dr_status st = dr_store_tokens(s, &t, &n);
    if (st)
        return st;
    printf("name\trights\tpriority\tcreated\tused\n");
    for (int i = 0; i < n; i++)
        printf("%s\t%s\t%d\t%s\t%s\n", t[i].name, t[i].rights, t[i].priority, stamp(t[i].created, created),
               stamp(t[i].used, used));
    free(t);
    return DR_OK;
}

int dr_cli_token(const dr_command *cmd, const dr_token_cli *c, const dr_opt_list *words, int at, dr_store *s,
                 dr_status *st)
{
    const char *verb = words->count > at ? words->item[at] : "";
    int more = words->count - at - 1;
    if (strcmp(verb, "add") == 0 && more == 1)
        *st = add(c, words->item[at + 1], s);
    else if (strcmp(verb, "remove") == 0 && more == 1)
        *st = remove_one(words->item[at + 1], s);
    else if (strcmp(verb, "list") == 0 && more == 0)
        *st = list(s);
    else
        return dr_usage_error(cmd, "token: give 'add NAME', 'remove NAME' or 'list'");
    return -1;
}

dr_status dr_cli_audit(const dr_token_cli *c, dr_store *s)
{
    json_t *lines, *o;
    char at[32];
    dr_status st = dr_store_audits(s, 0, c->limit, &lines);
    if (st)
        return st;
    for (size_t i = json_array_size(lines); i-- > 0;) {
        o = json_array_get(lines, i);
        const char *client = dr_json_text(o, "client"), *what = dr_json_text(o, "what"), *d = dr_json_text(o, "detail");
        printf("%s\t%s\t%s\t%lld\t%s\n", stamp(dr_json_number(o, "time"), at), client && client[0] ? client : "-",
               what ? what : "", (long long)dr_json_whole(o, "job"), d ? d : "");
    }
    json_decref(lines);
    return DR_OK;
}
