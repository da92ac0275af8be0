/* What the text encoder of a tiny pipeline makes of weighted prompts and learned words; expected numbers:
 * tests/golden/prompts, which tools/golden/make_prompts.py writes with diffusers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tryon/engine.h"

#include <math.h>
#include <string.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/"

static dr_source *source;

static void open_engine(dr_engine *e, const dr_embedding_ref *words, int n)
{
    const dr_engine_extras extras = {.embedding = words, .embedding_count = n};
    if (dr_engine_open(e, source, &extras, DR_PRECISION_EXACT, true, NULL))
        fail_msg("%s", dr_error());
}

/* The largest difference between the prompt's context and a tensor of the golden file. */
static double difference(const dr_engine *e, const dr_safetensors *f, const char *name)
{
    const dr_st_entry *want = dr_st_find(f, name);
    const float *context = e->context + (size_t)e->length * (size_t)e->text_config.width;
    double worst = 0;
    assert_non_null(want);
    assert_int_equal(want->size, (size_t)e->length * (size_t)e->text_config.width * sizeof(float));
    for (size_t i = 0; i < want->size / sizeof(float); i++)
        worst = fmax(worst, fabs((double)((const float *)want->data)[i] - (double)context[i]) /
                                fmax(1, fabs((double)context[i])));
    return worst;
}

static void weighted_prompts_have_automatic1111s_numbers(void **state)
{
    (void)state;
    dr_engine e;
    dr_safetensors f;
    json_t *golden;
    open_engine(&e, NULL, 0);
    assert_int_equal(dr_st_open(&f, GOLDEN "prompts/weights.safetensors"), DR_OK);
    assert_int_equal(dr_json_load(GOLDEN "prompts/weights.json", &golden), DR_OK);
    const json_t *cases = json_object_get(golden, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const char *text = json_string_value(json_object_get(json_array_get(cases, i), "text"));
        for (int skip = 0; skip < 2; skip++) {
            char name[32];
            snprintf(name, sizeof name, skip ? "%zu-skip1" : "%zu", i);
            if (!dr_st_find(&f, name))
                continue;
            if (dr_engine_text(&e, text, "", DR_PROMPT_LONG | DR_PROMPT_WEIGHTS, skip))
                fail_msg("%s", dr_error());
            double d = difference(&e, &f, name);
            if (d > 5e-5)
                fail_msg("'%s' (%s) differs by %g", text, name, d);
        }
    }
    json_decref(golden);
    dr_st_close(&f);
    dr_engine_close(&e);
}

static void weights_are_read_only_when_asked_for(void **state)
{
    (void)state;
    dr_engine e;
    dr_safetensors f;
    open_engine(&e, NULL, 0);
    assert_int_equal(dr_st_open(&f, GOLDEN "prompts/weights.safetensors"), DR_OK);
    assert_int_equal(dr_engine_text(&e, "a (red:1.3) coat", "", 0, 0), DR_OK);
    assert_true(difference(&e, &f, "2") > 1e-2);
    assert_int_equal(dr_engine_text(&e, "a (red:1.3) coat", "", DR_PROMPT_WEIGHTS, 0), DR_OK); /* not the kept one */
    assert_true(difference(&e, &f, "2") < 5e-5);
    assert_int_equal(dr_engine_text(&e, "a red coat", "", 0, 0), DR_OK);
    assert_true(difference(&e, &f, "0") < 1e-5);
    dr_st_close(&f);
    dr_engine_close(&e);
}

static void learned_words_have_diffusers_hidden_states(void **state)
{
    (void)state;
    const char *const forms[] = {GOLDEN "prompts/old-coat.pt", GOLDEN "prompts/legacy.pt",
                                 GOLDEN "prompts/parameters.pt"};
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        const dr_embedding_ref words[] = {{GOLDEN "prompts", NULL}, /* a folder with learned_embeds.safetensors */
                                          {GOLDEN "prompts/two.bin", NULL},
                                          {forms[form], form ? "old-coat" : NULL},
                                          {GOLDEN "prompts/my_coat.safetensors", NULL}};
        dr_engine e;
        dr_safetensors f;
        json_t *golden;
        open_engine(&e, words, 4);
        assert_int_equal(dr_st_open(&f, GOLDEN "prompts/words.safetensors"), DR_OK);
        assert_int_equal(dr_json_load(GOLDEN "prompts/words.json", &golden), DR_OK);
        const json_t *cases = json_object_get(golden, "cases");
        for (size_t i = 0; i < json_array_size(cases); i++) {
            const char *text = json_string_value(json_object_get(json_array_get(cases, i), "text"));
            char name[32];
            snprintf(name, sizeof name, "%zu", i);
            if (dr_engine_text(&e, text, "", 0, 0))
                fail_msg("%s", dr_error());
            double d = difference(&e, &f, name);
            if (d > 3e-5)
                fail_msg("'%s' differs by %g", text, d);
        }
        json_decref(golden);
        dr_st_close(&f);
        dr_engine_close(&e);
    }
}

/* AUTOMATIC1111 does not break one over two chunks, either. */
static void a_learned_word_is_not_broken_by_the_end_of_a_chunk(void **state)
{
    (void)state;
    const dr_embedding_ref word = {GOLDEN "prompts/two.bin", "coat"};
    char text[600] = "";
    dr_engine e;
    dr_prompt_tokens p;
    open_engine(&e, &word, 1);
    for (int i = 0; i < 74; i++)
        strcat(text, "word ");
    strcat(text, "(coat:1.5) end");
    assert_int_equal(dr_tokenizer_prompt(e.tokenizer, text, DR_PROMPT_LONG | DR_PROMPT_WEIGHTS, &p), DR_OK);
    assert_int_equal(p.chunks, 2);
    const int first = e.text_config.vocab;
    assert_true(p.ids[DR_TOKENS + 1] == first && p.ids[DR_TOKENS + 2] == first + 1);
    assert_true(p.weight[DR_TOKENS + 1] == 1.5f && p.weight[DR_TOKENS + 2] == 1.5f && p.weight[DR_TOKENS + 3] == 1);
    dr_prompt_tokens_clear(&p);

    assert_int_equal(dr_tokenizer_prompt(e.tokenizer, "raincoat Coat", 0, &p), DR_OK); /* only where it is the word */
    int found = 0;
    for (int i = 0; i < DR_TOKENS; i++)
        found += p.ids[i] >= first;
    assert_int_equal(found, 2);
    dr_prompt_tokens_clear(&p);
    dr_engine_close(&e);
}

static void words_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const struct {
        dr_embedding_ref ref[2];
        const char *why;
    } cases[] = {
        {{{GOLDEN "prompts/two.bin", "x"}, {GOLDEN "prompts/old-coat.pt", "X"}}, "the word of another embedding"},
        {{{GOLDEN "prompts/two.bin", "<|endoftext|>"}}, "is a token of the model already"},
        {{{GOLDEN "prompts/two.bin", " "}}, "the word has 0 characters"},
        {{{GOLDEN "prompts/words.safetensors", "x"}}, "it is no embedding (textual inversion): it has 8 tensors"},
        {{{GOLDEN "lora/kohya.safetensors", "x"}}, "pass an adapter with --lora"},
        {{{GOLDEN "none.pt", "x"}}, "none.pt"},
        {{{GOLDEN "lora", "x"}}, "there is no embedding in folder"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dr_engine e;
        const dr_engine_extras extras = {.embedding = cases[i].ref, .embedding_count = cases[i].ref[1].path ? 2 : 1};
        if (!dr_engine_open(&e, source, &extras, DR_PRECISION_EXACT, false, NULL))
            fail_msg("taken, where '%s' was expected", cases[i].why);
        if (!strstr(dr_error(), cases[i].why))
            fail_msg("'%s' does not say '%s'", dr_error(), cases[i].why);
    }
}

static void hear(void *user, const char *text)
{
    snprintf(user, 512, "%s", text);
}

/* A server has words for models of several widths. */
static void a_word_of_another_width_is_passed_over_when_asked_for(void **state)
{
    (void)state;
    char told[512] = "";
    const dr_embedding_ref word = {GOLDEN "prompts/two.bin", "coat"};
    dr_engine_extras extras = {.embedding = &word, .embedding_count = 1};
    const dr_engine_notes notes = {hear, told};
    dr_source *other;
    dr_engine e;
    assert_int_equal(dr_source_open(&other, GOLDEN "nano1", NULL), DR_OK);
    assert_int_equal(dr_engine_open(&e, other, &extras, DR_PRECISION_EXACT, false, &notes), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "its vectors have 8 values, the model's text encoder takes"));
    extras.skip_misfits = true;
    assert_int_equal(dr_engine_open(&e, other, &extras, DR_PRECISION_EXACT, false, &notes), DR_OK);
    assert_int_equal(e.words.count, 0);
    assert_non_null(strstr(told, "two.bin"));
    dr_engine_close(&e);
    const dr_embedding_ref broken = {GOLDEN "prompts/words.json", "coat"}; /* other faults are told nevertheless */
    extras.embedding = &broken;
    assert_int_not_equal(dr_engine_open(&e, other, &extras, DR_PRECISION_EXACT, false, &notes), DR_OK);
    dr_source_close(other);
}

static int open_model(void **state)
{
    (void)state;
    return dr_source_open(&source, GOLDEN "nano", NULL);
}

static int close_model(void **state)
{
    (void)state;
    dr_source_close(source);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weighted_prompts_have_automatic1111s_numbers),
        cmocka_unit_test(weights_are_read_only_when_asked_for),
        cmocka_unit_test(learned_words_have_diffusers_hidden_states),
        cmocka_unit_test(a_learned_word_is_not_broken_by_the_end_of_a_chunk),
        cmocka_unit_test(words_that_cannot_be_are_refused),
        cmocka_unit_test(a_word_of_another_width_is_passed_over_when_asked_for),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
