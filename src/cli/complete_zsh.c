#include "cli/commands.h"
#include "cli/complete.h"

#include <stdio.h>
#include <string.h>

/* Inside '...': a quote ends and begins again; zsh's own signs get a backslash. */
static void quoted(const char *text, const char *signs)
{
    for (; *text; text++) {
        if (*text == '\'')
            printf("'\\''");
        else
            printf("%s%c", strchr(signs, *text) ? "\\" : "", *text);
    }
}

static void value(const dr_opt *o)
{
    dr_value v = dr_opt_value(o);
    const char *files = v.files ? "_files" : v.dirs ? "_files -/" : "";
    printf(":");
    quoted(o->kind == DR_OPT_CHOICE || o->kind == DR_OPT_ENUM || !o->arg ? "value" : o->arg, "\\:");
    if (v.words[0] && files[0])
        printf(":{compadd -- %s; %s}", v.words, files);
    else if (v.words[0])
        printf(":(%s)", v.words);
    else
        printf(":%s", files);
}

static void option(const dr_opt *o)
{
    bool takes = o->kind != DR_OPT_FLAG;
    char brief = dr_opt_short(o);
    printf(" \\\n            ");
    if (brief)
        printf("'(-%c --%.*s)'{-%c%s,--%.*s%s}'", brief, DR_LONG_NAME(o), brief, takes ? "+" : "", DR_LONG_NAME(o),
               takes ? "=" : "");
    else
        printf("'%s--%.*s%s", o->kind == DR_OPT_LIST ? "*" : "", DR_LONG_NAME(o), takes ? "=" : "");
    printf("[");
    quoted(o->help, "\\[]:");
    printf("]");
    if (takes)
        value(o);
    printf("'");
}

static void command_case(void *user, const dr_command *cmd, const dr_opt *opts, size_t count)
{
    (void)user;
    printf("    (%s)\n        _arguments -s", cmd->name);
    for (size_t i = 0; i < count; i++)
        if (opts[i].kind != DR_OPT_HEADING)
            option(&opts[i]);
    printf(" \\\n            '(- *)'{-h,--help}'[show the options]' %s ;;\n",
           strcmp(cmd->name, "completion") == 0 ? "'1:shell:(bash zsh fish)'" : "'*:file:_files'");
}

void dr_complete_zsh(void)
{
    printf("#compdef drape\n"
           "# zsh completion for drape, made by 'drape completion zsh'\n"
           "_drape() {\n"
           "    local -a commands\n"
           "    commands=(\n");
    for (const dr_command *const *c = dr_cli_commands(); *c; c++) {
        printf("        '%s:", (*c)->name);
        quoted((*c)->summary, "\\:");
        printf("'\n");
    }
    printf("        'help:show the options of a command'\n"
           "    )\n"
           "    if (( CURRENT == 2 )); then\n"
           "        _describe -t commands command commands\n"
           "        compadd -- --help --version\n"
           "        return\n"
           "    fi\n"
           "    shift words\n"
           "    (( CURRENT-- ))\n"
           "    case $words[1] in\n"
           "    (help) _describe -t commands command commands ;;\n"
           "    (version|--version) compadd -- --json ;;\n");
    dr_each_table(command_case, NULL);
    printf("    esac\n"
           "}\n"
           "# as a file in $fpath, or sourced\n"
           "if [ \"$funcstack[1]\" = _drape ]; then _drape \"$@\"; else compdef _drape drape; fi\n");
}
