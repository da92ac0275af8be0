#include "io/foreign.h"

#include "base/text.h"

#include <stdbool.h>
#include <string.h>

typedef struct kind {
    size_t at; /* where the bytes stand */
    const char *bytes;
    size_t size;
    const char *what, *advice;
} kind;

#define MAGIC(at, bytes, what, advice)                                                                                 \
    {                                                                                                                  \
        at, bytes, sizeof(bytes) - 1, what, advice                                                                     \
    }

static const char picture[] = "pass the model's weights here and pictures where a photo is asked for";
static const char packed[] = "unpack it first";
static const char other[] = "get the model as .safetensors or as a PyTorch checkpoint";
static const char wrong[] = "pass a .safetensors file or a PyTorch checkpoint";

static const kind kinds[] = {
    MAGIC(0, "\x89PNG", "a picture (PNG)", picture),
    MAGIC(0, "\xff\xd8\xff", "a picture (JPEG)", picture),
    MAGIC(0, "GIF8", "a picture (GIF)", picture),
    MAGIC(0, "II*\0", "a picture (TIFF)", picture),
    MAGIC(0, "MM\0*", "a picture (TIFF)", picture),
    MAGIC(8, "WEBP", "a picture (WebP)", picture),
    MAGIC(4, "ftypavif", "a picture (AVIF)", picture),
    MAGIC(4, "ftypheic", "a picture (HEIC)", picture),
    MAGIC(4, "ftyp", "a video", wrong),
    MAGIC(257, "ustar", "a tar archive", packed),
    MAGIC(0, "\x1f\x8b", "compressed by gzip", packed),
    MAGIC(0,
          "\xfd"
          "7zXZ",
          "compressed by xz", packed),
    MAGIC(0, "BZh", "compressed by bzip2", packed),
    MAGIC(0, "\x28\xb5\x2f\xfd", "compressed by zstd", packed),
    MAGIC(0, "7z\xbc\xaf", "a 7-Zip archive", packed),
    MAGIC(0, "Rar!", "a RAR archive", packed),
    MAGIC(0, "\x89HDF", "an HDF5 file, as Keras writes them", other),
    MAGIC(0, "\x93NUMPY", "an array of NumPy", other),
    MAGIC(0, "%PDF", "a PDF document", wrong),
    MAGIC(0, "SQLite format 3", "a database", wrong),
    MAGIC(0,
          "\x7f"
          "ELF",
          "a program", wrong),
    MAGIC(0, "MZ", "a Windows program", wrong),
    MAGIC(0, "#!", "a script", wrong),
};

/* Downloaders make the file in its whole size first; where nothing came there are zeros. */
static bool is_zeros(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n && i < 4096; i++)
        if (p[i])
            return false;
    return n > 0;
}

static bool is_text(const unsigned char *p, size_t n)
{
    size_t i = 0;
    for (; i < n && i < 256; i++)
        if ((p[i] < ' ' && p[i] != '\t' && p[i] != '\r' && p[i] != '\n') || p[i] == 0x7f)
            return false;
    return i > 0;
}

dr_status dr_check_foreign(const void *data, size_t n, const char *path)
{
    const unsigned char *p = data;
    dr_shown shown;
    dr_status st = dr_check_stand_in(data, n, path);
    for (size_t i = 0; !st && i < sizeof kinds / sizeof *kinds; i++)
        if (n >= kinds[i].at + kinds[i].size && memcmp(p + kinds[i].at, kinds[i].bytes, kinds[i].size) == 0)
            return dr_fail(DR_EINVAL, "cannot read '%s': it is %s and no file of weights; %s", path, kinds[i].what,
                           kinds[i].advice);
    if (st)
        return st;
    if (is_zeros(p, n))
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': it begins with nothing but zeros, as a download does that did not finish; get it "
            "again",
            path);
    if (p[0] == '{' && is_text(p, n))
        return dr_fail(DR_EINVAL, "cannot read '%s': it is a JSON file and no file of weights; %s", path, wrong);
    if (is_text(p, n))
        return dr_fail(DR_EINVAL, "cannot read '%s': it is text and no file of weights, '%s'; get it again", path,
                       dr_show(&shown, data, n < 48 ? n : 48));
    return DR_OK;
}
