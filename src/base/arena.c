#include "base/arena.h"

#include "base/status.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#define ALIGN 64u
/* Sanitizer builds leave a poisoned gap between allocations, so that an overrun is seen. */
#if defined(__SANITIZE_ADDRESS__)
#define GAP 64u
#else
#define GAP 0u
#endif

static size_t default_reserve(void)
{
    size_t want = sizeof(void *) >= 8 ? (size_t)1 << 36 : (size_t)1 << 30;
    struct rlimit lim;
    /* under `ulimit -v` a large reservation would eat the whole allowance */
    if (getrlimit(RLIMIT_AS, &lim) == 0 && lim.rlim_cur != RLIM_INFINITY && lim.rlim_cur / 4 < want)
        want = (size_t)lim.rlim_cur / 4;
    return want;
}

void *dr_pages_take(size_t bytes, bool sparse)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (sparse ? MAP_NORESERVE : 0);
    void *p = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (sparse)
        madvise(p, bytes, MADV_HUGEPAGE); /* fewer page faults on the large activations; a hint only */
    return p;
}

void dr_pages_give(void *pages, size_t bytes)
{
    if (pages)
        munmap(pages, bytes ? bytes : 1);
}

int dr_arena_init(dr_arena *a, size_t reserve)
{
    return dr_arena_init_in(a, reserve, dr_pages_take, dr_pages_give);
}

int dr_arena_init_in(dr_arena *a, size_t reserve, dr_take_fn *take, dr_give_fn *give)
{
    memset(a, 0, sizeof *a);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (!reserve)
        reserve = default_reserve();
    reserve = (reserve + page - 1) / page * page;
    void *p = take(reserve, true);
    if (!p)
        return dr_fail(DR_ENOMEM, "out of memory: cannot reserve %zu MiB of addresses; raise 'ulimit -v'",
                       reserve >> 20);
    a->base = p;
    a->reserved = reserve;
    a->give = give;
    return DR_OK;
}

void dr_arena_clear(dr_arena *a)
{
    if (a->base) {
        UNPOISON(a->base, a->peak);
        a->give(a->base, a->reserved);
    }
    memset(a, 0, sizeof *a);
}

void *dr_arena_alloc(dr_arena *a, size_t size)
{
    size_t need = size > SIZE_MAX - 2 * ALIGN ? SIZE_MAX : (size + GAP + ALIGN - 1) / ALIGN * ALIGN;
    if (!a->base || need > a->reserved - a->used) {
        dr_fail(DR_ENOMEM, "out of memory: %zu MiB asked for, %zu of %zu MiB in use", size >> 20, a->used >> 20,
                a->reserved >> 20);
        return NULL;
    }
    unsigned char *p = a->base + a->used;
    a->used += need;
    if (a->used > a->touched)
        a->touched = a->used;
    if (a->used > a->peak)
        a->peak = a->used;
    POISON(p, need); /* the gap behind it; what lies further on is poisoned as it is reached or given back */
    UNPOISON(p, size);
    return p;
}

void *dr_arena_zalloc(dr_arena *a, size_t size)
{
    void *p = dr_arena_alloc(a, size);
    if (p)
        memset(p, 0, size);
    return p;
}

char *dr_arena_strdup(dr_arena *a, const char *s)
{
    size_t n = strlen(s) + 1;
    char *p = dr_arena_alloc(a, n);
    return p ? memcpy(p, s, n) : NULL;
}

char *dr_arena_printf(dr_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : dr_arena_alloc(a, (size_t)n + 1);
    if (!p)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}

size_t dr_arena_mark(const dr_arena *a)
{
    return a->used;
}

void dr_arena_rewind(dr_arena *a, size_t mark)
{
    DR_ASSERT(mark <= a->used, "rewind to %zu beyond %zu", mark, a->used);
    POISON(a->base + mark, a->used - mark);
    a->used = mark;
}

void *dr_arena_keep(dr_arena *a, size_t mark, const void *src, size_t size, dr_move_fn *move)
{
    const unsigned char *from = src;
    DR_ASSERT(mark <= a->used && from >= a->base + mark && from + size <= a->base + a->used, "not after the mark");
    size_t used = a->used;
    UNPOISON(a->base + mark, used - mark); /* the move crosses dead allocations and the gaps between */
    move(a->base + mark, from, size);
    POISON(a->base + mark, used - mark);
    a->used = mark;
    return dr_arena_alloc(a, size); /* cannot fail: the bytes were there */
}

void dr_arena_trim(dr_arena *a)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t from = (a->used + page - 1) / page * page;
    if (from < a->touched)
        madvise(a->base + from, a->touched - from, MADV_DONTNEED);
    a->touched = a->used;
}

bool dr_have_room(size_t bytes)
{
    void *p = dr_pages_take(bytes, true);
    dr_pages_give(p, bytes);
    return p != NULL;
}
