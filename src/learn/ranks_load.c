/* Whether a launcher started this process, and the module that speaks its MPI. */
#define _GNU_SOURCE /* dladdr */
#include "base/file.h"
#include "base/path.h"
#include "learn/ranks.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE "drape-mpi.so"

/* --- the launcher ---------------------------------------------------------------------------------------- */

/* How many processes it started; 1 for none, -1 where it does not tell. Slurm's own variables alone say nothing: a job
 * of many tasks may run a program by itself. */
static int started(void)
{
    static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}, *const ranks[] = {"PMIX_RANK", "PMI_RANK"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *size = getenv(sizes[i]);
        if (size && atoi(size) > 0)
            return atoi(size);
    }
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
        if (getenv(ranks[i]))
            return -1;
    return 1;
}

/* --- the module ------------------------------------------------------------------------------------------ */

static bool from(char *out, const char *file, const char *way)
{
    char folder[PATH_MAX];
    return strchr(file, '/') && !dr_path_folder(folder, sizeof folder, file) &&
           !dr_path(out, PATH_MAX, folder, way, MODULE) && dr_is_file(out);
}

/* Beside the program, as in a build folder, or where an installed one has it. */
static bool by_program(char *out)
{
    char exe[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (length <= 0)
        return false;
    exe[length] = 0;
    return from(out, exe, "") || from(out, exe, DRAPE_MODULES_FROM_BIN);
}

/* For programs on the shared library. */
static bool by_library(char *out)
{
    Dl_info self;
    if (!dladdr((const void *)(uintptr_t)&dr_ranks_open, &self) || !self.dli_fname)
        return false;
    return from(out, self.dli_fname, "") || from(out, self.dli_fname, "drape");
}

static bool find(char *out)
{
    const char *named = getenv("DRAPE_MPI_MODULE");
    if (named && named[0])
        return snprintf(out, PATH_MAX, "%s", named) < PATH_MAX;
    return by_program(out) || by_library(out) ||
           (!dr_path(out, PATH_MAX, DRAPE_MODULES_DIR, MODULE) && dr_is_file(out));
}

static dr_status load(const dr_ranks_link **out, int ranks)
{
    char path[PATH_MAX];
    if (!find(path)) {
        char number[32] = "several";
        if (ranks > 0)
            snprintf(number, sizeof number, "%d", ranks);
        return dr_fail(
            DR_EUNSUPPORTED,
            "an MPI launcher started this as one of %s, but there is no '%s' beside the program: install the "
            "package drape-mpi, build drape where Open MPI or MPICH is, or name the module in "
            "DRAPE_MPI_MODULE",
            number, MODULE);
    }
    /* global: an MPI's own plug-ins look for its symbols */
    void *module = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    dr_ranks_module *get = module ? (dr_ranks_module *)(uintptr_t)dlsym(module, DR_RANKS_MODULE) : NULL;
    if (!get)
        return dr_fail(DR_EUNSUPPORTED, "cannot load '%s': %s", path, dlerror());
    *out = get();
    if ((*out)->version != DR_RANKS_LINK_VERSION)
        return dr_fail(DR_EUNSUPPORTED, "'%s' is of another version of drape: its interface is %d, expected %d", path,
                       (*out)->version, DR_RANKS_LINK_VERSION);
    return DR_OK;
}

dr_status dr_ranks_open(dr_ranks **out, const dr_ranks_options *o)
{
    const dr_ranks_link *link = NULL;
    int ranks = started();
    *out = NULL;
    if (ranks == 1)
        return DR_OK;
    dr_status st = load(&link, ranks);
    return st ? st : dr_ranks_open_link(out, link, o);
}
