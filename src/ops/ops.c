#include "ops/ops.h"

#include "base/threads.h"
#include "ops/cpu/cpu.h"
#include "ops/cpu/isa.h"
#include "ops/far/far.h"
#include "ops/onednn/onednn.h"
#include "ops/ref/ref.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The table as it stood after each layer was laid over the one before: the last is the active one, and a row
 * belongs to the last layer that changed it. */
enum { REF, CPU, ONEDNN, FAR, LAYERS };
static dr_ops after[LAYERS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill(void)
{
    const char *backend = getenv("DRAPE_BACKEND");
    bool plain = backend && strcmp(backend, "ref") == 0, simd_only = backend && strcmp(backend, "cpu") == 0;
    bool far = backend && strcmp(backend, "far") == 0;
    if (backend && *backend && !plain && !simd_only && !far && strcmp(backend, "auto") != 0)
        fprintf(stderr, "DRAPE_BACKEND '%s' is unknown and ignored; use 'auto', 'cpu' or 'ref'\n", backend);

    dr_ops_ref_init(&after[REF]);
    after[CPU] = after[REF];
    if (!plain)
        dr_ops_cpu_init(&after[CPU]);
    after[ONEDNN] = after[CPU];
    if (!plain && !simd_only)
        dr_ops_onednn_init(&after[ONEDNN]);
    after[FAR] = after[ONEDNN];
    if (far)
        dr_ops_far_init(&after[FAR]);
}

const dr_ops *dr_ops_get(void)
{
    pthread_once(&once, fill);
    dr_threads(); /* whichever thread of the caller's this is, it computes with as many */
    return &after[LAYERS - 1];
}

const dr_ops *dr_ops_ref(void)
{
    pthread_once(&once, fill);
    return &after[REF];
}

bool dr_ops_has_bf16(void)
{
    return dr_cpu_has_bf16();
}

/* --- who serves what ------------------------------------------------------------------------------------- */

/* clang-format off */
#define ROW(name) {#name, offsetof(dr_ops, name)}
static const struct {
    const char *name;
    size_t at;
} rows[] = {
    ROW(take), ROW(give), ROW(put), ROW(get), ROW(move), ROW(fill), ROW(convert), ROW(finite),
    ROW(linear), ROW(linear_bwd), ROW(conv2d), ROW(conv2d_bwd), ROW(groupnorm), ROW(groupnorm_bwd),
    ROW(layernorm), ROW(layernorm_bwd), ROW(attention), ROW(attention_bwd), ROW(batchnorm), ROW(batchnorm_bwd),
    ROW(pool2d), ROW(pool2d_bwd),
    ROW(flow_sample), ROW(flow_sample_bwd), ROW(spade), ROW(spade_bwd), ROW(label_conv), ROW(label_conv_bwd),
    ROW(region_norm), ROW(region_norm_bwd), ROW(softmax), ROW(softmax_bwd),
    ROW(embedding), ROW(embedding_bwd), ROW(transpose), ROW(transpose_bwd), ROW(add_product), ROW(loss), ROW(loss_bwd),
    ROW(edge_loss), ROW(edge_loss_bwd), ROW(cross_entropy), ROW(cross_entropy_bwd), ROW(gaussian_sample),
    ROW(gaussian_sample_bwd), ROW(gaussian_kl), ROW(gaussian_kl_bwd), ROW(act), ROW(act_bwd), ROW(add),
    ROW(mul), ROW(axpy), ROW(scale), ROW(geglu), ROW(geglu_bwd), ROW(add_rows), ROW(sum_rows), ROW(copy2d),
    ROW(resize_nearest), ROW(resize_nearest_bwd), ROW(resize_bilinear), ROW(resize_bilinear_bwd), ROW(sumsq),
    ROW(adamw), ROW(adamw8), ROW(average), ROW(exchange),
};
/* clang-format on */
#define ROWS (sizeof rows / sizeof rows[0])
_Static_assert(sizeof(dr_ops) == sizeof(const char *) + ROWS * sizeof(void (*)(void)), "a row is missing above");

static bool same_row(const dr_ops *a, const dr_ops *b, size_t at)
{
    return memcmp((const char *)a + at, (const char *)b + at, sizeof(void (*)(void))) == 0;
}

static const char *server(size_t at)
{
    static const char *const isa[] = {[DR_ISA_BASE] = "SIMD, baseline instructions",
                                      [DR_ISA_AVX2] = "SIMD, AVX2 found",
                                      [DR_ISA_AVX512] = "SIMD, AVX-512 found"};
    if (!same_row(&after[ONEDNN], &after[CPU], at))
        return "oneDNN";
    if (!same_row(&after[CPU], &after[REF], at))
        return isa[dr_cpu_isa()];
    return "plain C";
}

dr_cpu dr_ops_cpu(void)
{
    static const char *const isa[] = {"baseline", "AVX2", "AVX-512"};
    return (dr_cpu){dr_cpu_name(), isa[dr_cpu_isa()], dr_cpu_has_bf16()};
}

int dr_ops_backends(dr_backend out[3])
{
    pthread_once(&once, fill);
    int n = 0;
    out[n++] = (dr_backend){"ref", "plain C"};
    if (memcmp(&after[CPU], &after[REF], sizeof(dr_ops)) != 0) {
        out[n] = (dr_backend){.name = "cpu"};
        snprintf(out[n++].what, sizeof out->what, "%s", dr_ops_cpu().isa);
    }
    if (memcmp(&after[ONEDNN], &after[CPU], sizeof(dr_ops)) != 0) {
        out[n] = (dr_backend){.name = "onednn"};
        dr_onednn_version(out[n++].what, sizeof out->what);
    }
    return n;
}

void dr_ops_describe(char *buf, size_t n)
{
    pthread_once(&once, fill);
    size_t used = 0;
    if (n)
        buf[0] = 0;
    for (size_t i = 0; i < ROWS && used < n; i++)
        used += (size_t)snprintf(buf + used, n - used, "%-20s %s\n", rows[i].name, server(rows[i].at));
}
