#include "io/pickle_impl.h"

#include <string.h>

enum { MAX_LONG = 255 };

/* --- faults --- */

dr_status dr_pk_damaged(const dr_pickle *p, const char *what)
{
    return dr_fail(DR_EINVAL, "cannot read '%s': its pickle is damaged: %s at byte %zu; get the file again", p->path,
                   what, (size_t)(p->at - p->from));
}

dr_status dr_pk_cut(const dr_pickle *p)
{
    return dr_fail(
        DR_EINVAL,
        "cannot read '%s': its pickle ends in the middle, %zu bytes on; the file was cut short or is damaged, "
        "get it again",
        p->path, (size_t)(p->end - p->from));
}

/* --- reading --- */

static uint64_t le(const unsigned char *p, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = bytes; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

/* A number of `bytes` bytes, little-endian. */
dr_status dr_pk_number(dr_pickle *p, size_t bytes, uint64_t *out)
{
    if ((size_t)(p->end - p->at) < bytes)
        return dr_pk_cut(p);
    *out = le(p->at, bytes);
    p->at += bytes;
    return DR_OK;
}

static dr_status push_int(dr_pickle *p, int64_t i)
{
    return dr_pk_push(p, (dr_pk){.kind = DR_PK_INT, .i = i});
}

/* `n` bytes as a string or the like: they stay where they are. */
static dr_status push_text(dr_pickle *p, dr_pk_kind kind, uint64_t n)
{
    if (n > (uint64_t)(p->end - p->at))
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': a text in its pickle is said to have %llu bytes, %zu are left; the file was cut "
            "short or is damaged, get it again",
            p->path, (unsigned long long)n, (size_t)(p->end - p->at));
    if (n > UINT32_MAX)
        return dr_pk_damaged(p, "a text of more than 4 GiB");
    dr_pk v = {.kind = kind, .n = (uint32_t)n, .s = (const char *)p->at};
    p->at += n;
    return dr_pk_push(p, v);
}

static dr_status push_sized_text(dr_pickle *p, dr_pk_kind kind, size_t bytes)
{
    uint64_t n;
    dr_status st = dr_pk_number(p, bytes, &n);
    return st ? st : push_text(p, kind, n);
}

/* LONG1: two's complement of any length; what fits 64 bits becomes an ordinary integer. */
static dr_status push_long(dr_pickle *p)
{
    uint64_t n;
    dr_status st = dr_pk_number(p, 1, &n);
    if (st)
        return st;
    if ((uint64_t)(p->end - p->at) < n)
        return dr_pk_cut(p);
    if (n > 8)
        return push_text(p, DR_PK_LONG, n);
    uint64_t v = le(p->at, (size_t)n);
    if (n && n < 8 && (p->at[n - 1] & 0x80))
        v |= ~0ull << (8 * n);
    p->at += n;
    return push_int(p, (int64_t)v);
}

/* A line of text, as protocols 0 and 1 have for names and some numbers. */
dr_status dr_pk_line(dr_pickle *p, dr_pk *out)
{
    const unsigned char *end = memchr(p->at, '\n', (size_t)(p->end - p->at));
    if (!end)
        return dr_pk_cut(p);
    *out = (dr_pk){.kind = DR_PK_STR, .n = (uint32_t)(end - p->at), .s = (const char *)p->at};
    if (end - p->at > UINT32_MAX)
        return dr_pk_damaged(p, "a line of more than 4 GiB");
    p->at = end + 1;
    return DR_OK;
}

/* INT and LONG of protocol 1: decimal digits; `00` and `01` are the booleans; LONG may end in L. */
static dr_status push_decimal(dr_pickle *p, bool is_long)
{
    dr_pk text;
    dr_status st = dr_pk_line(p, &text);
    if (st)
        return st;
    if (!is_long && text.n == 2 && text.s[0] == '0' && (text.s[1] == '0' || text.s[1] == '1'))
        return dr_pk_push(p, (dr_pk){.kind = DR_PK_BOOL, .i = text.s[1] - '0'});
    uint32_t i = text.n && text.s[0] == '-', n = is_long && text.n && text.s[text.n - 1] == 'L' ? text.n - 1 : text.n;
    int64_t v = 0;
    if (i >= n || n > MAX_LONG)
        return dr_pk_damaged(p, "a number that is none");
    for (bool fits = true; i < n; i++) {
        if (text.s[i] < '0' || text.s[i] > '9')
            return dr_pk_damaged(p, "a number that is none");
        int64_t digit = text.s[0] == '-' ? '0' - text.s[i] : text.s[i] - '0';
        fits = fits && !__builtin_mul_overflow(v, 10, &v) && !__builtin_add_overflow(v, digit, &v);
        if (!fits && i + 1 == n) /* too large to be of use: its digits stand for it */
            return dr_pk_push(p, (dr_pk){.kind = DR_PK_LONG, .n = text.n, .s = text.s});
    }
    return push_int(p, v);
}

static dr_status push_float(dr_pickle *p)
{
    uint64_t v = 0, swapped = 0;
    dr_pk out = {.kind = DR_PK_FLOAT};
    dr_status st = dr_pk_number(p, 8, &v);
    for (int i = 0; i < 8; i++) /* big-endian, unlike all the others */
        swapped = swapped << 8 | (v >> (8 * i) & 0xff);
    memcpy(&out.f, &swapped, 8);
    return st ? st : dr_pk_push(p, out);
}

static dr_status unknown(const dr_pickle *p, int op)
{
    static const struct {
        int op;
        const char *name;
    } names[] = {{'i', "INST"},   {'o', "OBJ"},    {0x82, "EXT1"},      {0x83, "EXT2"},      {0x84, "EXT4"},
                 {'P', "PERSID"}, {0x8b, "LONG4"}, {0x92, "NEWOBJ_EX"}, {0x91, "FROZENSET"}, {'2', "DUP"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].op == op)
            return dr_fail(
                DR_EINVAL,
                "cannot read '%s': its pickle has the instruction %s at byte %zu, which PyTorch does not write; "
                "nothing of it was run",
                p->path, names[i].name, (size_t)(p->at - p->from) - 1);
    return dr_fail(DR_EINVAL,
                   "cannot read '%s': its pickle is damaged: at byte %zu stands 0x%02x, which is no instruction of "
                   "PyTorch's; get the file again",
                   p->path, (size_t)(p->at - p->from) - 1, op);
}

/* Numbers, texts and the like: what pushes one value and looks at none. */
dr_status dr_pk_constant(dr_pickle *p, int op)
{
    uint64_t v;
    dr_pk out = {0};
    dr_status st;
    switch (op) {
    case 'N':
        return dr_pk_push(p, (dr_pk){.kind = DR_PK_NONE});
    case 0x88: /* NEWTRUE, NEWFALSE */
    case 0x89:
        return dr_pk_push(p, (dr_pk){.kind = DR_PK_BOOL, .i = op == 0x88});
    case 'K': /* BININT1, BININT2, BININT */
    case 'M':
    case 'J':
        st = dr_pk_number(p, op == 'K' ? 1 : op == 'M' ? 2 : 4, &v);
        return st ? st : push_int(p, op == 'J' ? (int32_t)(uint32_t)v : (int64_t)v);
    case 0x8a:
        return push_long(p);
    case 'I':
    case 'L':
        return push_decimal(p, op == 'L');
    case 'G':
        return push_float(p);
    case 'U': /* SHORT_BINSTRING, BINSTRING: Python 2's str */
        return push_sized_text(p, DR_PK_STR, 1);
    case 'T':
        return push_sized_text(p, DR_PK_STR, 4);
    case 0x8c: /* SHORT_BINUNICODE, BINUNICODE, BINUNICODE8 */
        return push_sized_text(p, DR_PK_STR, 1);
    case 'X':
        return push_sized_text(p, DR_PK_STR, 4);
    case 0x8d:
        return push_sized_text(p, DR_PK_STR, 8);
    case 'C': /* SHORT_BINBYTES, BINBYTES, BINBYTES8, BYTEARRAY8 */
        return push_sized_text(p, DR_PK_BYTES, 1);
    case 'B':
        return push_sized_text(p, DR_PK_BYTES, 4);
    case 0x8e:
    case 0x96:
        return push_sized_text(p, DR_PK_BYTES, 8);
    case ']': /* EMPTY_LIST, EMPTY_DICT, EMPTY_SET, EMPTY_TUPLE */
    case '}':
        st = dr_pk_new(p, op == ']' ? DR_PK_LIST : DR_PK_DICT, &out);
        return st ? st : dr_pk_push(p, out);
    case 0x8f:
        return dr_pk_push(p, (dr_pk){.kind = DR_PK_OBJECT});
    case ')':
        return dr_pk_push_tuple(p, NULL, 0);
    case '(':
        return dr_pk_push(p, (dr_pk){.kind = DR_PK_MARK});
    default:
        return unknown(p, op);
    }
}
