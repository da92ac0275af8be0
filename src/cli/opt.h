/* Command-line options: one table is the source of parsing and of --help.
 *
 * Long names accept `-` and `_` alike, and `--name value` or `--name=value`. A default is whatever *out holds
 * before parsing, and --help shows it. */
#ifndef DR_CLI_OPT_H
#define DR_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum dr_opt_kind {
    DR_OPT_FLAG,   /* bool: --x sets, --no-x clears */
    DR_OPT_INT,    /* int, min..max */
    DR_OPT_U64,    /* uint64_t */
    DR_OPT_DOUBLE, /* double, min..max */
    DR_OPT_STRING, /* const char * */
    DR_OPT_CHOICE, /* const char *, one of `arg`, "a|b|c" */
    DR_OPT_ENUM,   /* int: the index of one of `arg` */
    DR_OPT_BYTES,  /* int64_t, min..max: 2GiB, 500M, 0 */
    DR_OPT_SWITCH, /* bool: --x on|off */
    DR_OPT_SIZE,   /* int[2]: WxH */
    DR_OPT_LIST,   /* dr_opt_list: may be given again */
    DR_OPT_HEADING /* a title in --help */
} dr_opt_kind;

#define DR_OPT_MAX 128 /* in a table */

typedef struct dr_opt_list {
    const char **item;
    int count;
} dr_opt_list;

typedef struct dr_opt {
    const char *name; /* with '-', without the leading "--"; "o" or "q" are short ones as "output|o" */
    dr_opt_kind kind;
    void *out;
    const char *arg; /* how the value is called in --help, "PX"; the choices of a CHOICE */
    const char *help;
    double min, max; /* numbers: both 0 = no bounds */
    bool above;      /* min itself is too little */
    bool required;
    const char *unless;        /* not required with this option: its name */
    const char *shown_default; /* in --help instead of *out's value; "" for none */
    bool *given;               /* set when the option is; may be NULL */
    bool *open;                /* cleared then; may be NULL */
} dr_opt;

typedef struct dr_command {
    const char *name;                  /* "tryon" */
    const char *summary;               /* one line */
    const char *usage;                 /* after "drape tryon " */
    const char *example;               /* whole lines */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
    const char *about;                 /* what usage errors are about, "method 'x'"; NULL: the command */
} dr_command;

/** How --help calls the default of --threads. */
#define DR_DEFAULT_THREADS "OMP_NUM_THREADS, or the physical cores it may use"

#define DR_EXIT_FAILED 1
#define DR_EXIT_USAGE 2
#define DR_EXIT_INTERRUPTED 130

/**
 * Parses argv[1..]. Positional arguments go to `rest` (borrowed pointers, in order).
 *
 * @return 0 to go on; -1 after --help was printed (exit 0); DR_EXIT_USAGE after an error was printed.
 */
int dr_opt_parse(const dr_command *cmd, const dr_opt *opts, size_t count, int argc, char **argv, dr_opt_list *rest);

/** While a reader is set, dr_opt_parse() hands it the table and returns -1 in place of parsing: so the shells'
 * completions come from the commands' own tables. NULL ends it. */
typedef void (*dr_opt_reader)(void *user, const dr_command *cmd, const dr_opt *opts, size_t count);
void dr_opt_read_tables(dr_opt_reader reader, void *user);

/** Frees lists that parsing filled. */
/** One more, borrowed; not 0 when memory ran out, which is told. */
int dr_opt_list_add(dr_opt_list *l, const char *value);
void dr_opt_list_free(dr_opt_list *l);

/** --help on stdout. */
void dr_opt_help(const dr_command *cmd, const dr_opt *opts, size_t count);

/** "drape tryon: message" on stderr; returns DR_EXIT_USAGE. */
int dr_usage_error(const dr_command *cmd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** The library's message on stderr; returns the exit status that fits the code. */
int dr_cli_fail(const dr_command *cmd, int status);

#endif
