/* The public functions on this machine and on what comes with drape. */
#include "drape.h"

#include "base/status.h"
#include "base/threads.h"
#include "ops/ops.h"
#include "pipeline/shipped.h"

#include <stdlib.h>

void drape_machine_info(drape_machine *out)
{
    dr_cpu cpu = dr_ops_cpu();
    *out = (drape_machine){cpu.name, cpu.isa, cpu.bf16, dr_threads()};
}

bool drape_machine_backend(int index, const char **name, const char **what)
{
    static _Thread_local dr_backend backend[3];
    if (index < 0 || index >= dr_ops_backends(backend))
        return false;
    *name = backend[index].name;
    *what = backend[index].what;
    return true;
}

char *drape_machine_ops(void)
{
    size_t size = 8192;
    char *text = malloc(size);
    if (text)
        dr_ops_describe(text, size);
    return text;
}

drape_status drape_model_find(char *dir, size_t size)
{
    return (drape_status)dr_small_model_find(dir, size);
}

drape_status drape_parser_find(char *dir, size_t size)
{
    return (drape_status)dr_parser_find(dir, size);
}
