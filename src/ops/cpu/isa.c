#include "ops/cpu/isa.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#define HAVE_X86 1
#else
#define HAVE_X86 0
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static dr_isa chosen = DR_ISA_BASE;
static char cpu_name[192];

#if HAVE_X86
/* clang's __builtin_cpu_supports does not know this one. */
static bool has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}
#endif

/* __builtin_cpu_supports also asks whether the operating system saves the wide registers. */
static dr_isa detect_isa(void)
{
#if HAVE_X86
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return DR_ISA_AVX512;
    if (avx2)
        return DR_ISA_AVX2;
#endif
    return DR_ISA_BASE;
}

static dr_isa lowered(dr_isa best)
{
    const char *want = getenv("DRAPE_ISA");
    if (!want)
        return best;
    if (strcmp(want, "base") == 0)
        return DR_ISA_BASE;
    if (strcmp(want, "avx2") == 0 && best > DR_ISA_AVX2)
        return DR_ISA_AVX2;
    return best;
}

/* The value behind "key : " in a line of /proc/cpuinfo; false if the line has another key. */
static bool cpuinfo_value(const char *line, const char *key, char *out, size_t n)
{
    size_t k = strlen(key);
    if (strncmp(line, key, k) != 0)
        return false;
    const char *p = line + k;
    while (isspace((unsigned char)*p))
        p++;
    if (*p++ != ':')
        return false;
    while (isspace((unsigned char)*p))
        p++;
    snprintf(out, n, "%.*s", (int)strcspn(p, "\n"), p);
    return true;
}

/* Virtual machines hide the model ("AMD EPYC", "Intel Xeon Processor"): a name without a digit. */
static bool is_generic(const char *name)
{
    return strpbrk(name, "0123456789") == NULL;
}

static void read_name(void)
{
    char line[512], name[96] = "", family[16] = "?", model[16] = "?", stepping[16] = "?";
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f) && line[0] != '\n') { /* the first processor ends at a blank line */
        if (!cpuinfo_value(line, "model name", name, sizeof name) &&
            !cpuinfo_value(line, "cpu family", family, sizeof family) &&
            !cpuinfo_value(line, "model", model, sizeof model))
            cpuinfo_value(line, "stepping", stepping, sizeof stepping);
    }
    if (f)
        fclose(f);
    if (!name[0])
        snprintf(name, sizeof name, "unknown CPU");
    if (is_generic(name))
        snprintf(cpu_name, sizeof cpu_name, "%s family %s model %s stepping %s", name, family, model, stepping);
    else
        snprintf(cpu_name, sizeof cpu_name, "%s", name);
}

static void look(void)
{
    chosen = lowered(detect_isa());
    read_name();
}

dr_isa dr_cpu_isa(void)
{
    pthread_once(&once, look);
    return chosen;
}

bool dr_cpu_has_bf16(void)
{
#if HAVE_X86
    return dr_cpu_isa() == DR_ISA_AVX512 && __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

bool dr_cpu_has_vnni(void)
{
#if HAVE_X86
    return dr_cpu_isa() == DR_ISA_AVX512 && __builtin_cpu_supports("avx512vnni");
#else
    return false;
#endif
}

const char *dr_cpu_name(void)
{
    pthread_once(&once, look);
    return cpu_name;
}
