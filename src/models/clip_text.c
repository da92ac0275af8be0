#include "models/clip_text.h"

#include "models/block.h"

#include <string.h>

dr_status dr_clip_config_parse(dr_clip_config *c, const json_t *j, const char *where)
{
    struct {
        const char *key;
        int64_t def, max;
        int *out;
    } keys[] = {{"vocab_size", 49408, 1 << 20, &c->vocab},   {"hidden_size", 512, 16384, &c->width},
                {"intermediate_size", 2048, 65536, &c->mlp}, {"num_hidden_layers", 12, DR_CLIP_MAX_LAYERS, &c->layers},
                {"num_attention_heads", 8, 256, &c->heads},  {"max_position_embeddings", 77, 4096, &c->positions}};
    *c = (dr_clip_config){0};
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < sizeof keys / sizeof *keys; i++) {
        int64_t v;
        st = dr_json_int(j, where, keys[i].key, keys[i].def, 1, keys[i].max, &v);
        *keys[i].out = (int)v;
    }
    double eps = 0;
    if (!st)
        st = dr_json_double(j, where, "layer_norm_eps", 1e-5, &eps);
    if (!st)
        st = dr_clip_act_parse(j, where, &c->act);
    c->eps = (float)eps;
    if (!st && c->width % c->heads != 0)
        st = dr_fail(DR_EINVAL, "'%s': \"hidden_size\" %d is not a multiple of \"num_attention_heads\" %d", where,
                     c->width, c->heads);
    return st;
}

dr_status dr_clip_init(dr_clip_text *m, const dr_clip_config *c, dr_params *p)
{
    char buf[DR_NAME_MAX];
    const dr_clip_size size = {c->width, c->mlp, c->heads, c->act, c->eps, true};
    *m = (dr_clip_text){.config = *c};
    m->tokens = dr_param_add(p, "embeddings", "token_embedding.weight", DR_INIT_NORMAL, 0, 2, c->vocab, c->width, 1, 1);
    m->places =
        dr_param_add(p, "embeddings", "position_embedding.weight", DR_INIT_NORMAL, 0, 2, c->positions, c->width, 1, 1);
    for (int i = 0; i < c->layers; i++)
        dr_clip_layer_init(p, &m->layer[i], dr_join_index(buf, "encoder", "layers", i), &size);
    dr_layernorm_init(p, &m->final, "final_layer_norm", c->width, c->eps);
    return p->status;
}

void dr_clip_each_attention(dr_clip_text *m, void (*fn)(void *user, dr_lin *l), void *user)
{
    for (int i = 0; i < m->config.layers; i++) {
        fn(user, &m->layer[i].q);
        fn(user, &m->layer[i].k);
        fn(user, &m->layer[i].v);
        fn(user, &m->layer[i].out);
    }
}

/* Rows of m->tokens, and of m->words for ids beyond it: both are looked up for every place, and each place keeps one.
 */
static dr_tensor *look_up(dr_tape *g, const dr_clip_text *m, const int32_t *ids, int64_t N, int64_t L)
{
    int64_t C = m->config.width, n = N * L, beyond = 0;
    for (int64_t i = 0; i < n; i++)
        beyond += ids[i] >= m->config.vocab;
    if (!beyond)
        return dr_embedding(g, m->tokens, ids, N, L);
    int32_t *low = dr_arena_alloc(&g->arena, (size_t)n * sizeof *low);
    float *keep = dr_arena_alloc(&g->arena, (size_t)(n * C) * sizeof *keep);
    float *own = dr_arena_zalloc(&g->arena, (size_t)(n * C) * sizeof *own);
    if (!low || !keep || !own) {
        dr_tape_fail(g, DR_ENOMEM);
        return &g->dummy;
    }
    for (int64_t i = 0; i < n; i++) {
        int32_t word = ids[i] - m->config.vocab;
        DR_ASSERT(word < m->word_count, "word %d of %d", word, m->word_count);
        low[i] = word < 0 ? ids[i] : 0;
        for (int64_t c = 0; c < C; c++)
            keep[i * C + c] = word < 0;
        if (word >= 0)
            memcpy(own + i * C, m->words + word * C, (size_t)C * sizeof *own);
    }
    dr_tensor *h = dr_mul(g, dr_embedding(g, m->tokens, low, N, L), dr_input(g, keep, 3, (int64_t[]){N, L, C}));
    return dr_add(g, h, dr_input(g, own, 3, (int64_t[]){N, L, C}));
}

dr_tensor *dr_clip_forward(dr_tape *g, const dr_clip_text *m, const int32_t *ids, int64_t N, int64_t L)
{
    int32_t places[4096];
    DR_ASSERT(L <= m->config.positions, "%lld tokens, at most %d", (long long)L, m->config.positions);
    for (int64_t i = 0; i < L; i++)
        places[i] = (int32_t)i;
    dr_tensor *where = dr_embedding(g, m->places, places, 1, L); /* [1,L,C] */
    dr_tensor *h = look_up(g, m, ids, N, L);                     /* [N,L,C] */
    int64_t C = m->config.width;
    h = dr_add_rows(g, dr_view3(g, h, N, 1, L * C), dr_view(g, where, 2, (int64_t[]){1, L * C}));
    h = dr_view3(g, h, N, L, C);
    for (int i = 0; i < m->config.layers - m->skip; i++)
        h = dr_block_gave(g, dr_block(g, dr_clip_layer_forward, &m->layer[i], 1, &h), "encoder.layers", 3,
                          (int64_t[]){N, L, C});
    return dr_norm_forward(g, &m->final, h, DR_ACT_NONE);
}
