/* drape COMMAND ...: a table of commands. Results go to stdout, progress to stderr. */
#include "cli/commands.h"
#include "cli/version.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* In the order of --help. */
static const dr_command *const commands[] = {
    &dr_cmd_tryon, &dr_cmd_warp,       &dr_cmd_mask, &dr_cmd_train,   &dr_cmd_eval, &dr_cmd_compare, &dr_cmd_serve,
    &dr_cmd_work,  &dr_cmd_store,      &dr_cmd_pull, &dr_cmd_convert, &dr_cmd_init, &dr_cmd_info,    &dr_cmd_verify,
    &dr_cmd_bench, &dr_cmd_completion, NULL};

static void print_help(FILE *f)
{
    fprintf(f, "drape - virtual try-on with Stable Diffusion inpainting models, on the CPU\n\n"
               "usage: drape COMMAND [options]\n\n");
    for (const dr_command *const *c = commands; *c; c++)
        fprintf(f, "  %-10s %s\n", (*c)->name, (*c)->summary);
    fprintf(f, "\n'drape COMMAND --help' shows a command's options and an example.\n"
               "'drape --version --json' tells what this build and this machine are.\n");
}

static const dr_command *find(const char *name)
{
    for (const dr_command *const *c = commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

/* The exit status, when all that was printed has arrived. */
static int ended(int rc)
{
    if (fflush(stdout) != 0 && rc == 0) {
        fprintf(stderr, "drape: cannot write to standard output\n");
        return DR_EXIT_FAILED;
    }
    return rc;
}

int main(int argc, char **argv)
{
    dr_cli_begin(commands);
    if (argc < 2) {
        print_help(stderr);
        return DR_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        bool json = argc == 3 && strcmp(argv[2], "--json") == 0;
        if (argc > 2 && !json) {
            fprintf(stderr, "drape: '%s' takes --json and nothing else\n", argv[1]);
            return DR_EXIT_USAGE;
        }
        dr_print_version(json);
        return ended(0);
    }
    if (strcmp(argv[1], "help") == 0 && argc > 2 && find(argv[2]))
        return find(argv[2])->run(2, (char *[]){argv[2], (char[]){"--help"}, NULL});
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    const dr_command *cmd = find(argv[1]);
    if (!cmd) {
        fprintf(stderr, "drape: unknown command '%s'; see 'drape --help'\n", argv[1]);
        return DR_EXIT_USAGE;
    }
    return ended(cmd->run(argc - 1, argv + 1));
}
