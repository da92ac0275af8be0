/* Arenas: memory by lifetime.
 *
 * An arena is one reserved range of addresses whose pages are committed as they are touched, so
 * that a pointer never moves and a mark can be rewound. Nothing in it is freed one by one. */
#ifndef DR_BASE_ARENA_H
#define DR_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

/* Whole zeroed pages; NULL when there are none. `sparse`: addresses only, more than there is memory; pages are
 * committed as they are touched. */
typedef void *dr_take_fn(size_t bytes, bool sparse);
typedef void dr_give_fn(void *pages, size_t bytes);

/** The system's own. */
void *dr_pages_take(size_t bytes, bool sparse);
void dr_pages_give(void *pages, size_t bytes);

typedef struct dr_arena {
    unsigned char *base;
    size_t reserved; /* bytes of address space */
    size_t used;     /* bytes handed out */
    size_t touched;  /* bytes that may be resident: high-water mark since the last trim */
    size_t peak;     /* largest `used` ever, for the published figures */
    dr_give_fn *give;
} dr_arena;

/** Reserves `reserve` bytes of addresses (0: a default of 64 GiB, less where the limit is lower). */
int dr_arena_init(dr_arena *a, size_t reserve);
/** The same in memory of another kind. */
int dr_arena_init_in(dr_arena *a, size_t reserve, dr_take_fn *take, dr_give_fn *give);
void dr_arena_clear(dr_arena *a);

/** `size` bytes aligned to 64, contents undefined; NULL when memory or addresses are exhausted
 *  (the message is set). A size of 0 gives a valid pointer. */
void *dr_arena_alloc(dr_arena *a, size_t size);

/** The same, zeroed. */
void *dr_arena_zalloc(dr_arena *a, size_t size);

/** A copy of a string; NULL when out of memory. */
char *dr_arena_strdup(dr_arena *a, const char *s);

/** printf into the arena; NULL when out of memory. */
char *dr_arena_printf(dr_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** A place to go back to: all that was allocated after dr_arena_mark() is gone after rewind. */
size_t dr_arena_mark(const dr_arena *a);
void dr_arena_rewind(dr_arena *a, size_t mark);

/** Rewinds to `mark` but keeps `size` bytes at `src` (allocated after the mark): `move` takes them down to the mark.
 *  Returns their new place. */
typedef void dr_move_fn(void *to, const void *from, size_t size);
void *dr_arena_keep(dr_arena *a, size_t mark, const void *src, size_t size, dr_move_fn *move);

/** Gives pages beyond `used` back to the system. */
void dr_arena_trim(dr_arena *a);

/** True if that many bytes of addresses are left. Some libraries crash where memory ends: ask before them. */
bool dr_have_room(size_t bytes);

#endif
