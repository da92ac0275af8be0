/* drape serve: the options, the address, the browser. All else is in src/serve. */
#include "cli/commands.h"
#include "cli/studio_rows.h"
#include "serve/http/guard.h"
#include "serve/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct serve_cli {
    dr_studio_cli studio;
    const char *host, *token, *keep, *origins, *proxies;
    int port, workers;
    bool open;
} serve_cli;

/* The user's browser, in a process of its own. */
static void open_browser(const char *url)
{
#ifdef __APPLE__
    const char *program = "open";
#else
    const char *program = "xdg-open";
#endif
    pid_t child = fork();
    if (child != 0)
        return;
    if (setsid() >= 0 && !freopen("/dev/null", "w", stderr))
        _exit(127);
    execlp(program, program, url, (char *)NULL);
    _exit(127);
}

static void on_ready(void *user, const char *url)
{
    const serve_cli *c = user;
    printf("%s\n", url);
    fflush(stdout);
    if (!c->studio.quiet)
        fprintf(stderr, "the studio is at %s (data in '%s'; Ctrl-C ends it, jobs go on at the next start)\n", url,
                c->studio.data);
    if (c->open)
        open_browser(url);
}

/* As dr_opt_parse(). */
static int parse(serve_cli *c, int argc, char **argv)
{
    const dr_opt own[] = {
        {"port", DR_OPT_INT, &c->port, "N", "port to listen at; 0: any that is free", 0, 65535},
        {"host", DR_OPT_STRING, &c->host, "ADDRESS", "address to listen at; one that others can reach needs a token"},
        {"token", DR_OPT_STRING, &c->token, "SECRET",
         "what clients must show; drape store token gives each a token of its own", .shown_default = ""},
        {"workers", DR_OPT_INT, &c->workers, "N",
         "0: compute nothing here, leave it to drape work; 1: compute here, too", 0, 1},
        {"keep", DR_OPT_STRING, &c->keep, "30d|20GB",
         "jobs that ended longer ago go, or the oldest beyond this size; "
         "both with a comma",
         .shown_default = "all"},
        {"cors-allow-origins", DR_OPT_STRING, &c->origins, "LIST",
         "other sites whose pages may use the APIs, as http://localhost:3000, with commas; * is every site",
         .shown_default = "none"},
        {"proxies", DR_OPT_STRING, &c->proxies, "LIST",
         "addresses of load balancers, with commas: whom they speak for stands in X-Forwarded-For",
         .shown_default = "none"},
        {"open", DR_OPT_FLAG, &c->open, NULL, "open it in the browser"},
    };
    enum { OWN = sizeof own / sizeof *own };
    dr_opt opts[DR_MODEL_OPTIONS + OWN + DR_STORE_OPTIONS];
    dr_studio_model_rows(&c->studio, opts);
    memcpy(opts + DR_MODEL_OPTIONS, own, sizeof own);
    dr_studio_store_rows(&c->studio, "~/.local/share/drape/studio", opts + DR_MODEL_OPTIONS + OWN);
    return dr_opt_parse(&dr_cmd_serve, opts, sizeof opts / sizeof *opts, argc, argv, NULL);
}

/* 0, or the exit code of what was said to be wrong. */
static int check(const serve_cli *c, dr_keep *keep)
{
    if (c->keep && !dr_keep_parse(c->keep, keep))
        return dr_usage_error(&dr_cmd_serve, "--keep: '%s' is not like 30d, 12h, 20GB or 30d,20GB", c->keep);
    if (c->token && (strlen(c->token) < 8 || strlen(c->token) > 150 || strpbrk(c->token, " ;,\"\\&#%+\t\n")))
        return dr_usage_error(&dr_cmd_serve, "--token: 8 to 150 letters, digits, '-', '_', '.'");
    if (c->origins && !dr_are_origins(c->origins))
        return dr_usage_error(
            &dr_cmd_serve, "--cors-allow-origins: '%s' is not like http://localhost:3000 (no path), or *", c->origins);
    return 0;
}

static int run(int argc, char **argv)
{
    serve_cli c = {.studio = DR_STUDIO_CLI_DEFAULTS, .host = "127.0.0.1", .port = 7860, .workers = 1};
    dr_keep keep = {0};
    int rc = parse(&c, argc, argv);
    if (rc)
        return rc < 0 ? 0 : rc;
    rc = check(&c, &keep);
    dr_serve_options o = {.host = c.host,
                          .port = c.port,
                          .token = c.token,
                          .origins = c.origins,
                          .proxies = c.proxies,
                          .workers = c.workers,
                          .stop = dr_cli_interrupted,
                          .ready = on_ready,
                          .user = &c};
    dr_status st = rc ? DR_OK : dr_studio_cli_options(&c.studio, "studio", &o.studio);
    o.studio.keep = keep;
    if (!rc && !st)
        st = dr_serve(&o);
    dr_studio_cli_free(&c.studio);
    return rc ? rc : st ? dr_cli_fail(&dr_cmd_serve, (int)st) : 0;
}

const dr_command dr_cmd_serve = {"serve", "the studio: dress and teach in the browser, and an HTTP API",
                                 "[--model DIR|FILE]... [--port 7860] [--open]",
                                 "  drape serve --model models/sd2 --open\n", run};
