#include "cli/commands.h"
#include "cli/complete.h"

#include <stdio.h>
#include <string.h>

static void names(const dr_opt *o)
{
    if (dr_opt_short(o))
        printf("-%c|", dr_opt_short(o));
    printf("--%.*s", DR_LONG_NAME(o));
}

static void value_case(const dr_opt *o)
{
    dr_value v = dr_opt_value(o);
    if (!v.takes)
        return;
    printf("        ");
    names(o);
    printf(") value=%s words='%s' ;;\n", v.files ? "file" : v.dirs ? "directory" : "word", v.words);
}

static void command_case(void *user, const dr_command *cmd, const dr_opt *opts, size_t count)
{
    (void)user;
    printf("    %s)\n        options='--help", cmd->name);
    for (size_t i = 0; i < count; i++)
        if (opts[i].kind != DR_OPT_HEADING)
            printf(" --%.*s", DR_LONG_NAME(&opts[i]));
    printf("'\n        case $before in\n");
    for (size_t i = 0; i < count; i++)
        if (opts[i].kind != DR_OPT_HEADING)
            value_case(&opts[i]);
    printf("        esac ;;\n");
}

static void command_names(void)
{
    for (const dr_command *const *c = dr_cli_commands(); *c; c++)
        printf("%s%s", c == dr_cli_commands() ? "" : " ", (*c)->name);
}

void dr_complete_bash(void)
{
    printf("# bash completion for drape, made by 'drape completion bash'\n"
           "_drape() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} before= commands='");
    command_names();
    printf("' options= words= value=\n"
           "    COMPREPLY=()\n"
           "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
           "        COMPREPLY=($(compgen -W \"$commands help --help --version\" -- \"$word\"))\n"
           "        return\n"
           "    fi\n"
           "    # --name=value comes in three words, and _ means the same as -\n"
           "    before=${COMP_WORDS[COMP_CWORD - 1]}\n"
           "    if [ \"$word\" = = ]; then word=; elif [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD - 2]}; "
           "fi\n"
           "    before=${before//_/-}\n"
           "    case ${COMP_WORDS[1]} in\n"
           "    help) value=word words=$commands ;;\n"
           "    --version | version) value=word words=--json ;;\n");
    dr_each_table(command_case, NULL);
    printf("    esac\n"
           "    if [ -z \"$value\" ]; then\n"
           "        case $word in\n"
           "        --*_*) options=${options//-/_} value=word words=${options//__/--} ;;\n"
           "        -*) value=word words=$options ;;\n"
           "        *) [ \"${COMP_WORDS[1]}\" = completion ] && value=word words='bash zsh fish' || value=file ;;\n"
           "        esac\n"
           "    fi\n"
           "    [ -z \"$words\" ] || COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
           "    [ \"$value\" = word ] && return\n"
           "    local IFS=$'\\n'\n"
           "    COMPREPLY+=($(compgen -A \"$value\" -- \"$word\"))\n"
           "    compopt -o filenames 2>/dev/null # quotes spaces, ends folders with a slash\n"
           "}\n"
           "complete -F _drape drape\n");
}
