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

#define MODULE "drape-mpi.so" /* for the MPI that drape was built with, whatever that is */

/* --- the launcher ---------------------------------------------------------------------------------------- */

/* A positive number in the environment, or 0. */
static int number(const char *name)
{
    const char *text = getenv(name);
    int n = text ? atoi(text) : 0;
    return n > 0 ? n : 0;
}

/* How many processes it started; 1 for none, -1 where it does not tell. Slurm's own variables alone say nothing: a job
 * of many tasks may run a program by itself. */
static int started(void)
{
    int n = number("OMPI_COMM_WORLD_SIZE");
    n = n ? n : number("PMI_SIZE");
    if (n || (!getenv("PMIX_RANK") && !getenv("PMI_RANK")))
        return n ? n : 1;
    n = number("SLURM_STEP_NUM_TASKS");
    return n ? n : -1;
}

/* Whose launcher it is, as in the name of a module. PMI is MPICH's and what comes of it (Intel MPI, MVAPICH); PMIx,
 * by which Slurm starts any of them, does not tell. */
static const char *family(void)
{
    if (getenv("OMPI_COMM_WORLD_SIZE"))
        return "drape-mpi-openmpi.so";
    return getenv("PMI_RANK") ? "drape-mpi-mpich.so" : MODULE;
}

/* --- the module ------------------------------------------------------------------------------------------ */

static bool in(char *out, const char *folder, const char *way, const char *name)
{
    return !dr_path(out, PATH_MAX, folder, way, name) && dr_is_file(out);
}

/* The one for this launcher, where there is more than one; else the only one. */
static bool from(char *out, const char *file, const char *way)
{
    char folder[PATH_MAX];
    return strchr(file, '/') && !dr_path_folder(folder, sizeof folder, file) &&
           (in(out, folder, way, family()) || in(out, folder, way, MODULE));
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
    return by_program(out) || by_library(out) || in(out, DRAPE_MODULES_DIR, "", family()) ||
           in(out, DRAPE_MODULES_DIR, "", MODULE);
}

static dr_status load(const dr_ranks_link **out, char *path, int ranks)
{
    if (!find(path)) {
        char of[32] = "several";
        if (ranks > 0)
            snprintf(of, sizeof of, "%d", ranks);
        return dr_fail(
            DR_EUNSUPPORTED,
            "an MPI launcher started this as one of %s, but there is no '%s' beside the program: install the "
            "package drape-mpi, build drape where Open MPI or MPICH is, or name the module in "
            "DRAPE_MPI_MODULE",
            of, MODULE);
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

/* One MPI's launcher and another one's library know nothing of each other: every process would train by itself, and
 * all would write to the same folder. */
static dr_status other_launcher(const char *path, const char *name, int ranks)
{
    return dr_fail(DR_EUNSUPPORTED,
                   "an MPI launcher started %d processes, but %s of '%s' finds only this one: start them with the "
                   "launcher of that MPI, or name a module for this one in DRAPE_MPI_MODULE",
                   ranks, name, path);
}

dr_status dr_ranks_open(dr_ranks **out, const dr_ranks_options *o)
{
    const dr_ranks_link *link = NULL;
    char path[PATH_MAX];
    int ranks = started();
    *out = NULL;
    if (ranks == 1)
        return DR_OK;
    dr_status st = load(&link, path, ranks);
    st = st ? st : dr_ranks_open_link(out, link, o);
    return st || *out || ranks < 0 ? st : other_launcher(path, link->name, ranks);
}
