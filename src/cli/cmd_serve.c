/* drape serve: the options, the address, the browser. All else is in src/serve. */
#include "base/path.h"
#include "cli/commands.h"
#include "cli/embeddings.h"
#include "serve/http/guard.h"
#include "serve/serve.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct serve_cli {
    dr_opt_list models, loras, embeddings;
    const char *host, *data, *token, *keep, *parser, *origins, *tokenizer, *vae, *folder, *attention, *weights;
    int port, threads;
    bool open, quiet, ema;
    char data_path[PATH_MAX];
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
    if (!c->quiet)
        fprintf(stderr, "the studio is at %s (data in '%s'; Ctrl-C ends it, jobs go on at the next start)\n", url,
                c->data);
    if (c->open)
        open_browser(url);
}

/* $XDG_DATA_HOME/drape/studio, or ~/.local/share/drape/studio */
static dr_status default_data(char *out, size_t n)
{
    const char *base = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (base && base[0] == '/')
        return dr_path(out, n, base, "drape/studio");
    return dr_path(out, n, home ? home : ".", ".local/share/drape/studio");
}

/* As dr_opt_parse(). */
static int parse(serve_cli *c, int argc, char **argv)
{
    const dr_opt opts[] = {
        {"model", DR_OPT_LIST, &c->models, "DIR|FILE",
         "folder of a model, or a single file; may be given again, the first is the default",
         .shown_default = "the small one that comes with drape"},
        {"models", DR_OPT_STRING, &c->folder, "DIR",
         "a folder of models: pipeline folders, .safetensors, .ckpt and .gguf files", .shown_default = "none"},
        {"vae", DR_OPT_STRING, &c->vae, "DIR|FILE", "another VAE for all of them: its folder or file",
         .shown_default = "each model's own"},
        {"tokenizer", DR_OPT_STRING, &c->tokenizer, "DIR", "folder of another vocabulary for all of them",
         .shown_default = "each model's own; for a file CLIP's"},
        {"ema", DR_OPT_FLAG, &c->ema, NULL, "of single files: the UNet's moving average in place of its weights"},
        {"attention", DR_OPT_STRING, &c->attention, "DIR|FILE",
         "attention weights that dress from a photo of the garment, for the models that they fit",
         .shown_default = "each model's own, if it has some"},
        {"weights", DR_OPT_CHOICE, &c->weights, "file|q8",
         "models in memory as in their files, or in 8 bits: half of f16, and rounded"},
        {"lora", DR_OPT_LIST, &c->loras, "FILE", "adapter to choose under Dress; may be given again",
         .shown_default = ""},
        {"embedding", DR_OPT_LIST, &c->embeddings, "FILE[:WORD]",
         "learned word (textual inversion) for the prompts of all models that it fits; may be given again",
         .shown_default = ""},
        {"port", DR_OPT_INT, &c->port, "N", "port to listen at; 0: any that is free", 0, 65535},
        {"host", DR_OPT_STRING, &c->host, "ADDRESS", "address to listen at; one that others can reach needs --token"},
        {"token", DR_OPT_STRING, &c->token, "SECRET", "what clients must show", .shown_default = ""},
        {"data", DR_OPT_STRING, &c->data, "DIR", "where jobs and pictures are kept",
         .shown_default = "~/.local/share/drape/studio"},
        {"keep", DR_OPT_STRING, &c->keep, "30d|20GB",
         "jobs that ended longer ago go, or the oldest beyond this size; "
         "both with a comma",
         .shown_default = "all"},
        {"parser", DR_OPT_STRING, &c->parser, "DIR", "folder of another clothes parser",
         .shown_default = "DRAPE_PARSER, or the one that comes with drape"},
        {"cors-allow-origins", DR_OPT_STRING, &c->origins, "LIST",
         "other sites whose pages may use the APIs, as http://localhost:3000, with commas; * is every site",
         .shown_default = "none"},
        {"open", DR_OPT_FLAG, &c->open, NULL, "open it in the browser"},
        {"threads", DR_OPT_INT, &c->threads, "N", "threads to compute with", 0, 1024,
         .shown_default = DR_DEFAULT_THREADS},
        {"quiet|q", DR_OPT_FLAG, &c->quiet, NULL, "only the address"},
    };
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
    serve_cli c = {.host = "127.0.0.1", .port = 7860, .weights = "file"};
    dr_keep keep = {0};
    int rc = parse(&c, argc, argv);
    if (rc)
        return rc < 0 ? 0 : rc;
    static const char *const small[] = {NULL};
    bool named = c.models.count > 0;
    rc = check(&c, &keep);
    drape_embedding *embeddings = NULL;
    dr_status st = rc || c.data ? DR_OK : default_data(c.data_path, sizeof c.data_path);
    c.data = c.data ? c.data : c.data_path;
    if (!st && !rc)
        st = (dr_status)dr_cli_embeddings(&c.embeddings, &embeddings);
    dr_serve_options o = {.studio = {.models = named ? c.models.item : small,
                                     .model_count = named || c.folder ? c.models.count : 1,
                                     .model_folder = c.folder,
                                     .loras = c.loras.item,
                                     .lora_count = c.loras.count,
                                     .embeddings = embeddings,
                                     .embedding_count = c.embeddings.count,
                                     .vae = c.vae,
                                     .tokenizer = c.tokenizer,
                                     .attention = c.attention,
                                     .ema = c.ema,
                                     .q8 = strcmp(c.weights, "q8") == 0,
                                     .data = c.data,
                                     .parser = c.parser,
                                     .keep = keep,
                                     .threads = c.threads},
                          .host = c.host,
                          .port = c.port,
                          .token = c.token,
                          .origins = c.origins,
                          .stop = dr_cli_interrupted,
                          .ready = on_ready,
                          .user = &c};
    if (!rc && !st)
        st = dr_serve(&o);
    free(embeddings);
    dr_opt_list_free(&c.embeddings);
    dr_opt_list_free(&c.models);
    dr_opt_list_free(&c.loras);
    return rc ? rc : st ? dr_cli_fail(&dr_cmd_serve, (int)st) : 0;
}

const dr_command dr_cmd_serve = {"serve", "the studio: dress and teach in the browser, and an HTTP API",
                                 "[--model DIR|FILE]... [--port 7860] [--open]",
                                 "  drape serve --model models/sd2 --open\n", run};
