#include "cli/commands.h"
#include "cli/complete.h"

#include <stdio.h>
#include <string.h>

static void quoted(const char *text)
{
    putchar('\'');
    for (; *text; text++)
        printf("%s%c", *text == '\'' || *text == '\\' ? "\\" : "", *text);
    putchar('\'');
}

static void option(void *user, const dr_command *cmd, const dr_opt *opts, size_t count)
{
    (void)user;
    for (size_t i = 0; i < count; i++) {
        const dr_opt *o = &opts[i];
        if (o->kind == DR_OPT_HEADING)
            continue;
        dr_value v = dr_opt_value(o);
        printf("complete -c drape -n '__drape_command %s' -l %.*s", cmd->name, DR_LONG_NAME(o));
        if (dr_opt_short(o))
            printf(" -s %c", dr_opt_short(o));
        if (v.files)
            printf(" -r -F");
        else if (v.takes)
            printf(" -x");
        if (v.words[0] || (v.dirs && !v.files))
            printf(" -a '%s%s%s'", v.words, v.words[0] && v.dirs ? " " : "",
                   v.dirs ? "(__fish_complete_directories)" : "");
        printf(" -d ");
        quoted(o->help);
        putchar('\n');
    }
}

void dr_complete_fish(void)
{
    printf("# fish completion for drape, made by 'drape completion fish'\n"
           "function __drape_first\n"
           "    test (count (commandline -opc)) = 1\n"
           "end\n"
           "function __drape_command\n"
           "    set -l words (commandline -opc)\n"
           "    test (count $words) -ge 2; and contains -- $words[2] $argv\n"
           "end\n");
    for (const dr_command *const *c = dr_cli_commands(); *c; c++) {
        printf("complete -c drape -f -n __drape_first -a %s -d ", (*c)->name);
        quoted((*c)->summary);
        printf("\ncomplete -c drape -f -n '__drape_command help' -a %s\n", (*c)->name);
    }
    printf("complete -c drape -f -n __drape_first -a help -d 'show the options of a command'\n"
           "complete -c drape -n __drape_first -l help -s h -d 'show the commands'\n"
           "complete -c drape -n __drape_first -l version -d 'show the version'\n"
           "complete -c drape -f -n '__drape_command version --version' -a --json\n"
           "complete -c drape -f -n '__drape_command completion' -a 'bash zsh fish'\n"
           "complete -c drape -n 'not __drape_first' -l help -s h -d 'show the options'\n");
    dr_each_table(option, NULL);
}
