#include "io/vips_init.h"

#include "base/arena.h"
#include "base/threads.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <vips/vips.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int started; /* 0 = libvips is up */

/* What libvips warns about is either an error (fail_on) or of no interest to whoever reads stderr. */
static void swallow(const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer user)
{
    (void)domain, (void)level, (void)message, (void)user;
}

/* Pictures come from strangers, and some loaders are whole interpreters (PDF, SVG, ImageMagick). The reader
 * names its loader itself; the block is the second lock on the same door. */
static void block_loaders(void)
{
#if VIPS_MAJOR_VERSION > 8 || (VIPS_MAJOR_VERSION == 8 && VIPS_MINOR_VERSION >= 13)
    static const char *const allowed[] = {"VipsForeignLoadJpeg", "VipsForeignLoadPng",   "VipsForeignLoadWebp",
                                          "VipsForeignLoadTiff", "VipsForeignLoadNsgif", "VipsForeignLoadHeif"};
    vips_block_untrusted_set(TRUE);
    vips_operation_block_set("VipsForeignLoad", TRUE);
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        vips_operation_block_set(allowed[i], FALSE);
#endif
}

static void start(void)
{
    g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG, swallow, NULL);
    started = VIPS_INIT("drape");
    if (started != 0)
        return;
    vips_concurrency_set(dr_threads());
    vips_cache_set_max(0); /* a cached operation keeps its pixels */
    block_loaders();
}

dr_status dr_vips_init(void)
{
    char text[256];
    /* glib ends the process where memory ends; this is enough for a decoder and its threads */
    if (!dr_have_room((size_t)128 << 20))
        return dr_fail(DR_ENOMEM, "out of memory: too little is left to work on pictures; raise 'ulimit -v'");
    pthread_once(&once, start);
    dr_threads(); /* for what we do with the pixels on this thread */
    if (started != 0)
        return dr_fail(DR_EUNSUPPORTED, "cannot start libvips: %s", dr_vips_error(text, sizeof text));
    return DR_OK;
}

const char *dr_vips_error(char *buf, size_t n)
{
    const char *line = vips_error_buffer();
    size_t length = strcspn(line, "\n");
    const char *colon = strstr(line, ": ");
    if (colon && (size_t)(colon - line) < length && !memchr(line, ' ', (size_t)(colon - line))) {
        length -= (size_t)(colon + 2 - line);
        line = colon + 2;
    }
    snprintf(buf, n, "%.*s", (int)(length < n ? length : n - 1), length ? line : "no reason given");
    vips_error_clear();
    return buf;
}
