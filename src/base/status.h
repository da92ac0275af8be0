/* Status codes and the thread-local message that goes with a failure.
 *
 * Every function that can fail because of the user's world (files, flags, memory) returns a
 * dr_status: DR_OK or a negative code. The message is set once, where the fault is seen; callers
 * pass the code up unchanged, or put a prefix in front with dr_fail_prefix(). */
#ifndef DR_BASE_STATUS_H
#define DR_BASE_STATUS_H

typedef enum dr_status {
    DR_OK = 0,
    DR_EINVAL = -1,      /* bad argument or bad input file */
    DR_EIO = -2,         /* reading or writing failed, disk full */
    DR_ENOMEM = -3,      /* out of memory */
    DR_ENOENT = -4,      /* a file or tensor is not there */
    DR_ECANCELLED = -5,  /* a callback asked to stop, or Ctrl-C */
    DR_ENET = -6,        /* network failure */
    DR_EUNSUPPORTED = -7 /* understood, but this build or CPU cannot do it */
} dr_status;

/** Sets the thread's message and returns `code`, so that `return dr_fail(...)` is one line.
 *  Messages: lower case, no full stop; what failed, the subject in quotes, both values, what to do. Characters that
 *  cannot be seen (a byte order mark in a path, control characters) are put as <U+FEFF>. */
dr_status dr_fail(dr_status code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Puts "prefix: " in front of the current message and returns `code`. */
dr_status dr_fail_prefix(dr_status code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** The message of the last failure on this thread; "" if there was none. Borrowed. */
const char *dr_error(void);

/** Forgets the message. */
void dr_error_clear(void);

/** Our own mistakes (a shape that cannot be): prints and aborts. Never for the user's world. */
#define DR_ASSERT(cond, ...)                                                                                           \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            dr_assert_fail(__FILE__, __LINE__, #cond, __VA_ARGS__);                                                    \
    } while (0)

_Noreturn void dr_assert_fail(const char *file, int line, const char *cond, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
