/* Reads pickles as data.
 *
 * A pickle is a program for a stack machine (CPython's Lib/pickletools.py describes every opcode). In Python that
 * program may import and call whatever it names. Here it cannot: a name is a name, and what "calling" one gives is up
 * to the host below, which makes a value of a few known names and refuses the rest. The opcodes are those that
 * torch.save writes with protocols 1 to 5; any other is an error.
 *
 * Values refer to each other as in the pickle, so that they may be shared and even form circles: nothing here walks
 * them, and who does should follow none twice. Memory is bounded by what dr_pickle_init() was given. */
#ifndef DR_IO_PICKLE_H
#define DR_IO_PICKLE_H

#include "base/arena.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum dr_pk_kind {
    DR_PK_UNSET, /* in no value that is handed out */
    DR_PK_MARK,
    DR_PK_NONE,
    DR_PK_BOOL,
    DR_PK_INT,
    DR_PK_FLOAT,
    DR_PK_LONG,    /* an integer of more than 64 bits: `n` bytes at `s`, little-endian, two's complement */
    DR_PK_STR,     /* `n` bytes at `s`, in the pickle; not known to be UTF-8 */
    DR_PK_BYTES,   /* the same */
    DR_PK_TUPLE,   /* node->item[0..n) */
    DR_PK_LIST,    /* node's chunks */
    DR_PK_DICT,    /* node's chunks, keys and values in turn */
    DR_PK_NAME,    /* of a class or function: `n` is the host's number of it, `host` its own */
    DR_PK_OBJECT,  /* a thing without content: a set, what an inert name gave; `host` is the host's own */
    DR_PK_STORAGE, /* made by the host, `host` points to it */
    DR_PK_TENSOR,  /* the same */
} dr_pk_kind;

typedef struct dr_pk {
    uint32_t kind; /* dr_pk_kind */
    uint32_t n;
    union {
        int64_t i; /* and bool */
        double f;
        const char *s;
        struct dr_pk_node *node;
        void *host;
    };
} dr_pk;

typedef struct dr_pk_chunk {
    struct dr_pk_chunk *next;
    uint32_t count; /* of items */
    dr_pk item[];
} dr_pk_chunk;

typedef struct dr_pk_node {
    uint32_t depth; /* levels of containers below this one, as far as they were filled when it got them */
    uint32_t tag;   /* the host's; 0 at first */
    union {
        struct {
            dr_pk_chunk *first, *last;
        };
        dr_pk *item; /* of a tuple */
    };
} dr_pk_node;

typedef struct dr_pickle dr_pickle;

/** What names mean. Each function fails with a sentence, or sets *out. */
typedef struct dr_pickle_host {
    void *self;
    dr_status (*name)(void *self, dr_pickle *p, const dr_pk *module, const dr_pk *name, dr_pk *out);
    /** `f` is a NAME, `args` a TUPLE; `as_object`: by NEWOBJ, as a class alone can be. */
    dr_status (*call)(void *self, dr_pickle *p, const dr_pk *f, const dr_pk *args, bool as_object, dr_pk *out);
    /** What BUILD does to anything but a plain dictionary. */
    dr_status (*build)(void *self, dr_pickle *p, dr_pk *object, const dr_pk *state);
    dr_status (*persistent)(void *self, dr_pickle *p, const dr_pk *id, dr_pk *out);
} dr_pickle_host;

struct dr_pickle {
    const char *path; /* for messages */
    dr_arena values;  /* live until dr_pickle_clear() */
    unsigned char *slab;
    size_t slab_left;
    size_t limit;

    const unsigned char *from, *at, *end; /* the pickle that is being run */
    dr_pk *stack, *memo;
    size_t depth, stack_room, memo_room, memo_next;
};

/** Values take at most `limit` bytes of memory in all. `path` has to outlive `p`. */
dr_status dr_pickle_init(dr_pickle *p, size_t limit, const char *path);
void dr_pickle_clear(dr_pickle *p);

/** Runs the pickle at the beginning of `data` to its end, `*used` bytes on. The result is valid until `p` is cleared
 *  and points into `data`. */
dr_status dr_pickle_run(dr_pickle *p, const void *data, size_t size, const dr_pickle_host *host, dr_pk *result,
                        size_t *used);

/** For hosts. Memory that lives as long as the values; NULL when there is none left (the message is set). */
void *dr_pickle_alloc(dr_pickle *p, size_t size);
dr_status dr_pickle_new_dict(dr_pickle *p, dr_pk *out);
bool dr_pk_is(const dr_pk *v, const char *text); /* the string of that content */

/** Goes through a list's items, or a dictionary's pairs (count 2). Start with `*c` the node's first chunk and `*i` 0;
 *  NULL at the end. */
const dr_pk *dr_pk_next(const dr_pk_chunk **c, uint32_t *i, uint32_t count);
/** The value of a string key, the last one as in Python; NULL if there is none. */
const dr_pk *dr_pk_get(const dr_pk *dict, const char *key);

#endif
