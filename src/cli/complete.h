/* Completions for the shells, made of the commands' option tables: complete.c reads the tables, complete_*.c write. */
#ifndef DR_CLI_COMPLETE_H
#define DR_CLI_COMPLETE_H

#include "cli/opt.h"

/* What a value may be; words beside files or folders are possible ("latest|DIR"). */
typedef struct dr_value {
    bool takes, files, dirs;
    char words[512]; /* with spaces between, or "" */
} dr_value;

/** An option's value, by its kind and by how --help calls it. */
dr_value dr_opt_value(const dr_opt *o);

/** The option's long name, without its short twin: `%.*s` takes both. */
#define DR_LONG_NAME(o) (int)strcspn((o)->name, "|"), (o)->name
/** Its short twin, or 0. */
char dr_opt_short(const dr_opt *o);

/** Calls `write` with every command that has options, and its table. */
void dr_each_table(dr_opt_reader write, void *user);

void dr_complete_bash(void);
void dr_complete_zsh(void);
void dr_complete_fish(void);

#endif
