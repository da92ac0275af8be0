/* drape store: who may use it, what was done in it, and moving it. All else is in src/serve/store. */
#include "cli/commands.h"
#include "cli/store_tokens.h"
#include "cli/studio_rows.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

typedef struct store_cli {
    const char *store, *data;
    dr_token_cli token;
} store_cli;

/* As dr_opt_parse(). */
static int parse(store_cli *c, int argc, char **argv, dr_opt_list *words)
{
    const dr_opt opts[] = {
        {"store", DR_OPT_STRING, &c->store, "URL", "which one: postgresql://HOST/DATABASE",
         .shown_default = "that of a studio on its own, in the folder of --data"},
        {"data", DR_OPT_STRING, &c->data, "DIR", "where drape serve keeps jobs and pictures",
         .shown_default = "~/.local/share/drape/studio"},
        {"rights", DR_OPT_CHOICE, &c->token.rights, "use|admin|metrics",
         "of a new token: use (change own jobs), admin (everybody's), metrics (nothing but /metrics)"},
        {"priority", DR_OPT_INT, &c->token.priority, "N", "the highest that the client's jobs may have", -100, 100},
        {"limit", DR_OPT_INT, &c->token.limit, "N", "lines of audit", 1, 100000},
    };
    return dr_opt_parse(&dr_cmd_store, opts, sizeof opts / sizeof *opts, argc, argv, words);
}

/* The store that is meant by a URL; NULL is the studio's own. */
static dr_status open_store(const store_cli *c, const char *url, bool tables_alone, dr_store **out)
{
    char data[PATH_MAX];
    dr_status st = c->data ? DR_OK : dr_studio_default_data("studio", data, sizeof data);
    dr_store_options o = {.url = url, .dir = c->data ? c->data : data, .upgrade = tables_alone};
    return st ? st : dr_store_open(out, &o);
}

static dr_status copy(const store_cli *c, const char *from_url, const char *to_url)
{
    dr_store *from = NULL, *to = NULL;
    dr_copied n;
    dr_status st = open_store(c, from_url, false, &from);
    if (!st)
        st = open_store(c, to_url, false, &to);
    if (!st)
        st = dr_store_copy(from, to, &n);
    if (!st)
        printf("%lld jobs, %lld files with %lld bytes, %lld tokens copied into %s\n", (long long)n.jobs,
               (long long)n.pictures, (long long)n.bytes, (long long)n.tokens, dr_store_name(to));
    dr_store_close(to);
    dr_store_close(from);
    return st;
}

static dr_status upgrade(const store_cli *c)
{
    dr_store *s;
    dr_status st = open_store(c, c->store, true, &s);
    if (st)
        return st;
    printf("%s has the tables of this drape\n", dr_store_name(s));
    dr_store_close(s);
    return DR_OK;
}

static int in_store(const store_cli *c, const dr_opt_list *words, dr_status *st)
{
    dr_store *s;
    int rc = -1;
    *st = open_store(c, c->store, true, &s);
    if (*st)
        return rc;
    if (strcmp(words->item[0], "token") == 0)
        rc = dr_cli_token(&dr_cmd_store, &c->token, words, 1, s, st);
    else
        *st = dr_cli_audit(&c->token, s);
    dr_store_close(s);
    return rc;
}

static int work(const store_cli *c, const dr_opt_list *words, dr_status *st)
{
    const char *what = words->count ? words->item[0] : "";
    if (strcmp(what, "copy") == 0) {
        if (words->count != 3)
            return dr_usage_error(&dr_cmd_store, "give two stores: copy FROM TO");
        *st = copy(c, words->item[1], words->item[2]);
        return -1;
    }
    if (strcmp(what, "upgrade") == 0 && words->count == 1) {
        *st = upgrade(c);
        return -1;
    }
    if (strcmp(what, "token") == 0 || strcmp(what, "audit") == 0)
        return in_store(c, words, st);
    return dr_usage_error(&dr_cmd_store, "give 'token add NAME', 'token remove NAME', 'token list', 'audit', "
                                         "'copy FROM TO' or 'upgrade'");
}

static int run(int argc, char **argv)
{
    store_cli c = {.token = {.rights = "use", .limit = 100}};
    dr_opt_list words = {0};
    dr_status st = DR_OK;
    int rc = parse(&c, argc, argv, &words);
    if (rc == 0)
        rc = work(&c, &words, &st);
    dr_opt_list_free(&words);
    return rc > 0 ? rc : st ? dr_cli_fail(&dr_cmd_store, (int)st) : 0;
}

const dr_command dr_cmd_store = {"store", "clients' tokens, what was done, and moving it: of a store of jobs",
                                 "token add NAME | token list | token remove NAME | audit | copy FROM TO | upgrade "
                                 "[--store URL]",
                                 "  drape store token add anna --store postgresql://drape@db.example/drape\n"
                                 "  drape store copy sqlite:/srv/studio postgresql://drape@db.example/drape\n",
                                 run};
