/* How OpenMP's threads wait for each other: briefly in a loop, then asleep.
 *
 * Left alone, libgomp's threads spin for some milliseconds at the end of every loop. On a machine that computes
 * something else as well, a thread that has lost its core is waited for by others that burn theirs, for each of the
 * thousands of loops of a picture. A thousand rounds bridge the gaps between loops as well as the default's 300,000 do,
 * and then let go.
 *
 * libgomp reads GOMP_SPINCOUNT in a constructor, before main. Only what stands in .preinit_array runs earlier, and
 * there setenv is of no use: libc's own constructor takes the environment as the kernel laid it. So one entry of that
 * is lent: it is GOMP_SPINCOUNT while the libraries start, and what it was again before main. Nobody who starts a
 * program from here, or reads our environment, sees a difference. What the user set is left alone.
 *
 * clang's runtime, libomp, gives its core away while it waits, and needs no such help. musl runs no .preinit_array:
 * there GOMP_SPINCOUNT is the user's to set. */
#define _GNU_SOURCE
#include <limits.h> /* defines __GLIBC__ */

#if defined(__linux__) && defined(__GLIBC__)
#include <stdbool.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <unistd.h>

#define PLAIN __attribute__((no_sanitize("address", "undefined", "thread"))) /* runs before their runtimes start */

static char setting[] = "GOMP_SPINCOUNT=1000";
static char **lent, *kept; /* the entry, and what it was */

PLAIN static bool begins(const char *s, const char *with)
{
    while (*with && *s == *with)
        s++, with++;
    return !*with;
}

PLAIN static bool user_decides(char **env)
{
    for (; *env; env++)
        if (begins(*env, "OMP_WAIT_POLICY=") || begins(*env, "GOMP_SPINCOUNT="))
            return true;
    return false;
}

/* An entry that no library reads while it starts, the least read one first. */
PLAIN static char **dispensable(char **env)
{
    static const char *const names[] = {"_=",     "OLDPWD=",   "SHLVL=", "PWD=",  "LOGNAME=", "USER=", "MAIL=",
                                        "SHELL=", "HOSTNAME=", "TERM=",  "LANG=", "HOME=",    "PATH="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (char **e = env; *e; e++)
            if (begins(*e, names[i]))
                return e;
    return NULL;
}

/* `env -i drape`: no entry to lend, so the program starts again with one more. AT_BASE is 0 and AT_EXECFN somebody
 * else when the dynamic linker was called by name. Where it fails we go on as we are. */
PLAIN static void start_again(char **argv, char **env)
{
    const char *program = (const char *)getauxval(AT_EXECFN);
    size_t n = 0;
    while (env[n])
        n++;
    if (!program || !getauxval(AT_BASE) || getauxval(AT_SECURE) || n > 64)
        return;
    char *more[66] = {setting};
    for (size_t i = 0; i < n; i++)
        more[i + 1] = env[i];
    execve(program, argv, more);
}

PLAIN static void before_libraries(int argc, char **argv, char **env)
{
    (void)argc;
    if (user_decides(env))
        return;
    lent = dispensable(env);
    if (!lent) {
        start_again(argv, env);
        return;
    }
    kept = *lent;
    *lent = setting;
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char **, char **) = before_libraries;

/* The program's constructors run after those of its libraries. */
__attribute__((constructor)) static void after_libraries(void)
{
    extern char **environ;
    if (!lent)
        return;
    *lent = kept;
    for (char **e = environ; *e; e++) /* a library that set a variable has made a copy */
        if (*e == setting)
            *e = kept;
}
#endif
