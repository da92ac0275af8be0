/* drape store: who may use it, what was done in it. All else is in src/serve/store. */
#include "cli/commands.h"
#include "cli/store_tokens.h"
#include "cli/studio_rows.h"

#include <limits.h>
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

static bool is_known(const char *what)
{
    return strcmp(what, "token") == 0 || strcmp(what, "audit") == 0;
}

static int work(const store_cli *c, const dr_opt_list *words, dr_status *st)
{
    char data[PATH_MAX];
    dr_store *s;
    int rc = -1;
    *st = c->data ? DR_OK : dr_studio_default_data("studio", data, sizeof data);
    if (!*st)
        *st = dr_store_open(&s, &(dr_store_options){.url = c->store, .dir = c->data ? c->data : data, .upgrade = true});
    if (*st)
        return rc;
    if (strcmp(words->item[0], "token") == 0)
        rc = dr_cli_token(&dr_cmd_store, &c->token, words, 1, s, st);
    else
        *st = dr_cli_audit(&c->token, s);
    dr_store_close(s);
    return rc;
}

static int run(int argc, char **argv)
{
    store_cli c = {.token = {.rights = "use", .limit = 100}};
    dr_opt_list words = {0};
    dr_status st = DR_OK;
    int rc = parse(&c, argc, argv, &words);
    if (rc == 0 && (words.count == 0 || !is_known(words.item[0])))
        rc = dr_usage_error(&dr_cmd_store, "give 'token add NAME', 'token remove NAME', 'token list' or 'audit'");
    else if (rc == 0)
        rc = work(&c, &words, &st);
    dr_opt_list_free(&words);
    return rc > 0 ? rc : st ? dr_cli_fail(&dr_cmd_store, (int)st) : 0;
}

const dr_command dr_cmd_store = {"store", "clients' tokens, and what was done, in a store of jobs",
                                 "token add NAME | token list | token remove NAME | audit [--store URL]",
                                 "  drape store token add anna --store postgresql://drape@db.example/drape\n", run};
