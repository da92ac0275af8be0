/* Names that nobody chose: those of cameras, phones, programs and downloads. */
#include "base/path.h"
#include "train/prompt.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* The letters that are left of such names without digits and signs, in small letters. */
static const char *const whole[] = {
    "img",     "imgp",     "dsc",     "dscn",     "dscf",    "dscp",
    "dji",     "pxl",      "pxlmp",   "mvimg",    "vid",     "p",
    "pict",    "pic",      "picture", "photo",    "image",   "images",
    "scan",    "gopr",     "gp",      "cimg",     "kif",     "sam",
    "fbimg",   "imgwa",    "vidwa",   "received", "file",    "fullsizerender",
    "mg",      "imge",     "imgedit", "untitled", "unnamed", "download",
    "unknown", "temp",     "tmp",     "foto",     "bild",    "bildschirmfoto",
    "capture", "snapshot", "camera",  "wp",       "hpim",    "stp",
    "mvc",     "dcp",      "imag",    "r",        "pa",      "pb",
    "pc",      "a",        "b",       "x",
};

/* Beginnings: what follows is a date, or the program that was on the screen. */
static const char *const beginnings[] = {"screenshot", "screen shot", "whatsapp image", "signal-",
                                         "photo_20",   "image_20",    "bildschirmfoto", "snapchat-",
                                         "pxl_",       "img-20",      "img_20"};

/* At least eight hexadecimal digits with a figure among them, also in the groups of a UUID. */
static bool is_hash(const char *s, size_t n)
{
    size_t hex = 0, figures = 0;
    for (size_t i = 0; i < n; i++) {
        if (isxdigit((unsigned char)s[i]))
            hex++;
        else if (s[i] != '-' && s[i] != '_')
            return false;
        figures += isdigit((unsigned char)s[i]) != 0;
    }
    return hex >= 8 && figures > 0;
}

/* One long word in which letters and figures take turns: an id of some site. */
static bool is_random(const char *s, size_t n)
{
    int turns = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)s[i]))
            return false;
        turns += i > 0 && (isdigit((unsigned char)s[i]) != 0) != (isdigit((unsigned char)s[i - 1]) != 0);
    }
    return n >= 10 && turns >= 4;
}

bool dr_name_says_nothing(const char *file_name)
{
    const char *name = dr_path_name(file_name);
    size_t n = dr_path_stem(name), at = 0;
    char letters[32];
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (strncasecmp(name, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    if (is_hash(name, n) || is_random(name, n))
        return true;
    for (size_t i = 0; i < n; i++) {
        if (name[i] & 0x80)
            return false; /* a word of another script, or with an accent */
        if (!isalpha((unsigned char)name[i]))
            continue;
        if (at + 1 == sizeof letters)
            return false;
        letters[at++] = (char)tolower((unsigned char)name[i]);
    }
    letters[at] = 0;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcmp(letters, whole[i]) == 0)
            return true;
    return at <= 1;
}
