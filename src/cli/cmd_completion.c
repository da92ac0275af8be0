#include "cli/commands.h"
#include "cli/complete.h"

#include <string.h>

static int run(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*write)(void);
    } shells[] = {{"bash", dr_complete_bash}, {"zsh", dr_complete_zsh}, {"fish", dr_complete_fish}};
    dr_opt_list rest = {0};
    int bad = dr_opt_parse(&dr_cmd_completion, NULL, 0, argc, argv, &rest);
    if (bad) {
        dr_opt_list_free(&rest);
        return bad < 0 ? 0 : bad;
    }
    const char *shell = rest.count == 1 ? rest.item[0] : NULL;
    dr_opt_list_free(&rest);
    for (size_t i = 0; shell && i < sizeof shells / sizeof *shells; i++)
        if (strcmp(shell, shells[i].name) == 0) {
            shells[i].write();
            return 0;
        }
    return dr_usage_error(&dr_cmd_completion, shell ? "'%s' is not one of bash, zsh, fish" : "give one shell", shell);
}

const dr_command dr_cmd_completion = {
    "completion", "what bash, zsh or fish needs to complete drape's commands and options", "bash|zsh|fish",
    "  source <(drape completion bash)\n"
    "\n'make install' and the packages put them where the shells look.\n",
    run};
