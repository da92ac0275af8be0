/* Single characters, from glib's Unicode tables.
 *
 * The reference tokenizer takes its characters from three sources: normal forms of Unicode 9, letters and digits
 * of Unicode 16, and lower case of Unicode 17. glib has one version of all, 15 for glib 2.74. The few characters
 * that differ are listed here, so that ids do not depend on which glib is installed. */
#include "models/tokenizer_internal.h"

#include <glib.h>

typedef struct range {
    uint32_t first, last;
} range;

/* letters and digits newer than Unicode 15 */
static const range new_letters[] = {
    {0x1c89, 0x1c8a},   {0xa7cb, 0xa7cd},   {0xa7da, 0xa7dc},   {0x105c0, 0x105f3}, {0x10d4a, 0x10d65},
    {0x10d6f, 0x10d85}, {0x10ec2, 0x10ec4}, {0x11380, 0x11389}, {0x1138b, 0x1138b}, {0x1138e, 0x1138e},
    {0x11390, 0x113b5}, {0x113b7, 0x113b7}, {0x113d1, 0x113d1}, {0x113d3, 0x113d3}, {0x11bc0, 0x11be0},
    {0x13460, 0x143fa}, {0x16100, 0x1611d}, {0x16d40, 0x16d6c}, {0x18cff, 0x18cff}, {0x1e5d0, 0x1e5ed},
    {0x1e5f0, 0x1e5f0}, {0x2ebf0, 0x2ee5d},
};
static const range new_digits[] = {
    {0x10d40, 0x10d49}, {0x116d0, 0x116e3}, {0x11bf0, 0x11bf9}, {0x16130, 0x16139},
    {0x16d70, 0x16d79}, {0x1ccf0, 0x1ccf9}, {0x1e5f1, 0x1e5fa},
};

/* marks that became combining after Unicode 9 */
static const range new_marks[] = {
    {0x7fd, 0x7fd},     {0x897, 0x89f},     {0x8ca, 0x8d3},     {0x9fe, 0x9fe},     {0xc3c, 0xc3c},
    {0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},   {0x1abf, 0x1aeb},   {0x1df6, 0x1dfa},
    {0xa82c, 0xa82c},   {0x10d24, 0x10d27}, {0x10d69, 0x10d6d}, {0x10eab, 0x10eac}, {0x10efa, 0x10eff},
    {0x10f46, 0x10f50}, {0x10f82, 0x10f85}, {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x113ce, 0x113d0},
    {0x113e1, 0x113e2}, {0x1145e, 0x1145e}, {0x11839, 0x1183a}, {0x1193d, 0x1193e}, {0x11943, 0x11943},
    {0x119e0, 0x119e0}, {0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99}, {0x11d42, 0x11d42},
    {0x11d44, 0x11d45}, {0x11d97, 0x11d97}, {0x11f41, 0x11f42}, {0x1612f, 0x1612f}, {0x16ff0, 0x16ff1},
    {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef}, {0x1e4ec, 0x1e4ef},
    {0x1e5ee, 0x1e5ef},
};

/* characters that decompose since a Unicode after 9 */
static const range new_composed[] = {
    {0x105c9, 0x105c9}, {0x105e4, 0x105e4}, {0x11383, 0x11383}, {0x11385, 0x11385},
    {0x1138e, 0x1138e}, {0x11391, 0x11391}, {0x113c5, 0x113c5}, {0x113c7, 0x113c8},
    {0x11938, 0x11938}, {0x16121, 0x16128}, {0x16d68, 0x16d6a},
};

/* symbols that count as alphabetic: circled and squared letters */
static const range alphabetic_symbols[] = {
    {0x24b6, 0x24e9},
    {0x1f130, 0x1f149},
    {0x1f150, 0x1f169},
    {0x1f170, 0x1f189},
};

/* lower case that g_unichar_tolower leaves out: Roman and circled capitals (they are no letters to it), new ones */
static const struct {
    uint32_t first, last, lower;
} more_lower[] = {
    {0x1c89, 0x1c89, 0x1c8a}, {0x2160, 0x216f, 0x2170}, {0x24b6, 0x24cf, 0x24d0},    {0xa7cb, 0xa7cb, 0x264},
    {0xa7cc, 0xa7cc, 0xa7cd}, {0xa7ce, 0xa7ce, 0xa7cf}, {0xa7d2, 0xa7d2, 0xa7d3},    {0xa7d4, 0xa7d4, 0xa7d5},
    {0xa7da, 0xa7da, 0xa7db}, {0xa7dc, 0xa7dc, 0x19b},  {0x10d50, 0x10d65, 0x10d70}, {0x16ea0, 0x16eb8, 0x16ebb},
};

#define IN(table, c) in_ranges(table, sizeof(table) / sizeof(table)[0], c)

static bool in_ranges(const range *r, size_t n, uint32_t c)
{
    size_t lo = 0;
    while (lo < n) { /* [lo, n) may hold it */
        size_t mid = lo + (n - lo) / 2;
        if (c < r[mid].first)
            n = mid;
        else if (c > r[mid].last)
            lo = mid + 1;
        else
            return true;
    }
    return false;
}

uint32_t dr_char_lower(uint32_t c)
{
    for (size_t i = 0; c >= more_lower[0].first && i < sizeof more_lower / sizeof more_lower[0]; i++)
        if (c >= more_lower[i].first && c <= more_lower[i].last)
            return more_lower[i].lower + (c - more_lower[i].first);
    return g_unichar_tolower(c);
}

int dr_char_combining(uint32_t c)
{
    return c < 0x300 || IN(new_marks, c) ? 0 : g_unichar_combining_class(c);
}

size_t dr_char_decompose(uint32_t c, uint32_t out[18])
{
    if (c >= 0xc0 && !IN(new_composed, c))
        return g_unichar_fully_decompose(c, FALSE, out, 18);
    out[0] = c;
    return 1;
}

uint32_t dr_char_compose(uint32_t a, uint32_t b)
{
    gunichar c;
    return g_unichar_compose(a, b, &c) && !IN(new_composed, c) ? c : 0;
}

dr_char_class dr_char_class_of(uint32_t c)
{
    switch (g_unichar_type(c)) {
    case G_UNICODE_LOWERCASE_LETTER:
    case G_UNICODE_MODIFIER_LETTER:
    case G_UNICODE_OTHER_LETTER:
    case G_UNICODE_TITLECASE_LETTER:
    case G_UNICODE_UPPERCASE_LETTER:
        return DR_CHAR_LETTER;
    case G_UNICODE_DECIMAL_NUMBER:
    case G_UNICODE_LETTER_NUMBER:
    case G_UNICODE_OTHER_NUMBER:
        return DR_CHAR_DIGIT;
    case G_UNICODE_SPACE_SEPARATOR:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
        return DR_CHAR_SPACE;
    case G_UNICODE_CONTROL:
        return (c >= '\t' && c <= '\r') || c == 0x85 ? DR_CHAR_SPACE : DR_CHAR_OTHER;
    case G_UNICODE_UNASSIGNED: /* to a glib older than the character */
        return IN(new_letters, c) ? DR_CHAR_LETTER : IN(new_digits, c) ? DR_CHAR_DIGIT : DR_CHAR_OTHER;
    default:
        return DR_CHAR_OTHER;
    }
}

bool dr_char_is_word(uint32_t c)
{
    switch (g_unichar_type(c)) {
    case G_UNICODE_SPACING_MARK:
    case G_UNICODE_ENCLOSING_MARK:
    case G_UNICODE_NON_SPACING_MARK:
    case G_UNICODE_CONNECT_PUNCTUATION:
    case G_UNICODE_DECIMAL_NUMBER:
    case G_UNICODE_LETTER_NUMBER:
        return true;
    default:
        return c == 0x200c || c == 0x200d || IN(alphabetic_symbols, c) || dr_char_class_of(c) == DR_CHAR_LETTER;
    }
}
