#include "cli/version.h"

#include "drape.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

/* The folder, or null where there is none. */
static json_t *place(drape_status st, const char *path)
{
    return st ? json_null() : json_string(path);
}

void dr_print_version(bool json)
{
    char model[PATH_MAX], parser[PATH_MAX];
    const char *name, *what;
    drape_machine m;
    if (!json) {
        printf("drape %s\n", DRAPE_VERSION);
        return;
    }
    json_t *backends = json_object();
    for (int i = 0; drape_machine_backend(i, &name, &what); i++)
        json_object_set_new(backends, name, json_string(what));
    drape_machine_info(&m);
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:b, s:i, s:o, s:{s:o, s:o}}", "version", DRAPE_VERSION, "compiler",
                          COMPILER, "cpu", m.cpu, "instruction_set", m.isa, "bf16", m.bf16, "threads", m.threads,
                          "backends", backends, "data", "model", place(drape_model_find(model, sizeof model), model),
                          "parser", place(drape_parser_find(parser, sizeof parser), parser));
    json_dumpf(j, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(j);
}
