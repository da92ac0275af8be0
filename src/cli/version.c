#include "cli/version.h"

#include "base/threads.h"
#include "ops/cpu/isa.h"
#include "ops/ops.h"
#include "pipeline/shipped.h"

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
static json_t *place(dr_status st, const char *path)
{
    return st ? json_null() : json_string(path);
}

void dr_print_version(bool json)
{
    static const char *const isa[] = {"baseline", "AVX2", "AVX-512"};
    char model[PATH_MAX], parser[PATH_MAX];
    dr_backend backend[3];
    if (!json) {
        printf("drape %s\n", DRAPE_VERSION);
        return;
    }
    json_t *backends = json_object();
    int n = dr_ops_backends(backend);
    for (int i = 0; i < n; i++)
        json_object_set_new(backends, backend[i].name, json_string(backend[i].what));
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:b, s:i, s:o, s:{s:o, s:o}}", "version", DRAPE_VERSION, "compiler",
                          COMPILER, "cpu", dr_cpu_name(), "instruction_set", isa[dr_cpu_isa()], "bf16",
                          dr_cpu_has_bf16(), "threads", dr_threads(), "backends", backends, "data", "model",
                          place(dr_small_model_find(model, sizeof model), model), "parser",
                          place(dr_parser_find(parser, sizeof parser), parser));
    json_dumpf(j, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(j);
}
