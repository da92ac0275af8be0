#ifdef DRAPE_POSTGRESQL
#include "serve/store/libpq.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static const char *const names[] = {"libpq.so.5", "libpq.5.dylib", "/opt/homebrew/opt/libpq/lib/libpq.5.dylib",
                                    "/usr/local/opt/libpq/lib/libpq.5.dylib"};
static dr_libpq functions;
static bool loaded;
static const char *missing; /* a function that the library does not have; NULL: there is no library */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
    void *lib = NULL;
    for (size_t i = 0; !lib && i < sizeof names / sizeof *names; i++)
        lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!lib)
        return;
#define DR_LIBPQ_FIND(name)                                                                                            \
    {                                                                                                                  \
        void *found = dlsym(lib, #name);                                                                               \
        memcpy(&functions.name, &found, sizeof found);                                                                 \
        missing = found ? missing : #name;                                                                             \
    }
    DR_LIBPQ_FUNCTIONS(DR_LIBPQ_FIND)
#undef DR_LIBPQ_FIND
    loaded = !missing;
}

dr_status dr_libpq_load(const dr_libpq **out)
{
    pthread_once(&once, load);
    *out = &functions;
    if (loaded)
        return DR_OK;
    if (missing)
        return dr_fail(DR_EUNSUPPORTED, "this machine's libpq has no %s: install that of PostgreSQL 13 or newer",
                       missing);
    return dr_fail(DR_EUNSUPPORTED, "a PostgreSQL store needs libpq, which is not here: install libpq5 (Debian, "
                                    "Ubuntu) or libpq (Fedora, Homebrew, Arch: postgresql-libs)");
}
#else
typedef int dr_libpq_is_not_here; /* a file of C has something in it */
#endif
