/* drape work: a machine that computes for fronts elsewhere. All else is in src/serve. */
#include "cli/commands.h"
#include "cli/studio_rows.h"
#include "serve/serve.h"

#include <stdio.h>
#include <string.h>

typedef struct work_cli {
    dr_studio_cli studio;
    const char *host;
    int port;
} work_cli;

static void on_ready(void *user, const char *url)
{
    const work_cli *c = user;
    printf("%s\n", url[0] ? url : "ready");
    fflush(stdout);
    if (!c->studio.quiet)
        fprintf(stderr, "waiting for jobs (trainings in '%s'; Ctrl-C gives what runs back to the queue)\n",
                c->studio.data);
}

/* As dr_opt_parse(). */
static int parse(work_cli *c, int argc, char **argv)
{
    const dr_opt own[] = {
        {"port", DR_OPT_INT, &c->port, "N", "port for /healthz and /metrics; 0: any that is free; -1: none", -1, 65535},
        {"host", DR_OPT_STRING, &c->host, "ADDRESS", "address for them; they tell numbers and no names"},
    };
    enum { OWN = sizeof own / sizeof *own };
    dr_opt opts[DR_MODEL_OPTIONS + OWN + DR_STORE_OPTIONS];
    dr_studio_model_rows(&c->studio, opts);
    memcpy(opts + DR_MODEL_OPTIONS, own, sizeof own);
    dr_studio_store_rows(&c->studio, "~/.local/share/drape/work", opts + DR_MODEL_OPTIONS + OWN);
    for (size_t i = 0; i < sizeof opts / sizeof *opts; i++)
        if (strcmp(opts[i].name, "store") == 0)
            opts[i].required = true;
    return dr_opt_parse(&dr_cmd_work, opts, sizeof opts / sizeof *opts, argc, argv, NULL);
}

static int run(int argc, char **argv)
{
    work_cli c = {.studio = DR_STUDIO_CLI_DEFAULTS, .host = "127.0.0.1", .port = -1};
    int rc = parse(&c, argc, argv);
    if (rc)
        return rc < 0 ? 0 : rc;
    dr_serve_options o = {
        .host = c.host, .port = c.port, .workers = 1, .stop = dr_cli_interrupted, .ready = on_ready, .user = &c};
    dr_status st = dr_studio_cli_options(&c.studio, "work", &o.studio);
    if (!st)
        st = dr_work(&o);
    dr_studio_cli_free(&c.studio);
    return st ? dr_cli_fail(&dr_cmd_work, (int)st) : 0;
}

const dr_command dr_cmd_work = {"work", "computes for drape serve on other machines",
                                "--store URL [--model DIR|FILE]...",
                                "  drape work --store postgresql://drape@db.example/drape --model models/sd2\n", run};
