/* What every command may ask the program. */
#include "cli/commands.h"

#include <signal.h>

static const dr_command *const *all;
static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
    interrupted = 1;
    signal(sig, SIG_DFL); /* the second one ends the program */
}

void dr_cli_begin(const dr_command *const *commands)
{
    all = commands;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a write error, not a death */
    signal(SIGXFSZ, SIG_IGN); /* so is a file that may grow no more */
}

const dr_command *const *dr_cli_commands(void)
{
    return all;
}

bool dr_cli_interrupted(void *unused)
{
    (void)unused;
    return interrupted != 0;
}
