/* The far range: pieces of it are handed out first fit, and its door is opened and closed. */
#include "ops/far/memory.h"

#include "base/status.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE ((size_t)64 << 10)
#define RANGE ((size_t)1 << 39)

typedef struct piece {
    size_t at, size;
} piece;

static struct {
    pthread_mutex_t lock;
    unsigned char *base;
    int inside;   /* rows that run now */
    piece *piece; /* [count], by place */
    size_t count, room;
} F = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool start(void)
{
    if (F.base)
        return true;
    void *p = mmap(NULL, RANGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    madvise(p, RANGE, MADV_NOHUGEPAGE); /* small pieces: a huge page each would mostly be zeroed in vain */
    F.base = p;
    return true;
}

static void protect(int how)
{
    DR_ASSERT(!F.base || mprotect(F.base, RANGE, how) == 0, "the far range cannot be %s", how ? "opened" : "closed");
}

/* The first gap of that size, as the index of the piece behind it; *at is its place. */
static size_t find_gap(size_t size, size_t *at)
{
    size_t i = 0;
    *at = 0;
    for (; i < F.count && F.piece[i].at - *at < size; i++)
        *at = F.piece[i].at + F.piece[i].size;
    return i;
}

static void *take(size_t size)
{
    size_t at, i = find_gap(size, &at);
    if (!start() || at + size > RANGE)
        return NULL;
    if (F.count == F.room) {
        piece *more = realloc(F.piece, (2 * F.room + 16) * sizeof *more);
        if (!more)
            return NULL;
        F.piece = more;
        F.room = 2 * F.room + 16;
    }
    memmove(F.piece + i + 1, F.piece + i, (F.count - i) * sizeof *F.piece);
    F.piece[i] = (piece){at, size};
    F.count++;
    return F.base + at;
}

void *dr_far_take(size_t bytes, bool sparse)
{
    (void)sparse;
    pthread_mutex_lock(&F.lock);
    void *p = take((bytes / PAGE + 1) * PAGE);
    pthread_mutex_unlock(&F.lock);
    return p;
}

void dr_far_give(void *values, size_t bytes)
{
    (void)bytes;
    pthread_mutex_lock(&F.lock);
    for (size_t i = 0; values && i < F.count; i++)
        if (F.base + F.piece[i].at == values) {
            madvise(values, F.piece[i].size, MADV_DONTNEED); /* zeros for the next */
            memmove(F.piece + i, F.piece + i + 1, (F.count - i - 1) * sizeof *F.piece);
            F.count--;
            break;
        }
    pthread_mutex_unlock(&F.lock);
}

void dr_far_enter(void)
{
    pthread_mutex_lock(&F.lock);
    if (F.inside++ == 0)
        protect(PROT_READ | PROT_WRITE);
    pthread_mutex_unlock(&F.lock);
}

void dr_far_leave(void)
{
    pthread_mutex_lock(&F.lock);
    if (--F.inside == 0)
        protect(PROT_NONE);
    pthread_mutex_unlock(&F.lock);
}
