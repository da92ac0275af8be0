/* Expected pieces, ids and weights: tests/golden/prompts/weights.json, which tools/golden/make_prompts.py writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/prompt_weights.h"

#include "base/json.h"
#include "models/tokenizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/"

static json_t *golden;
static const json_t *cases;
static dr_tokenizer *tokenizer;

static int open_golden(void **state)
{
    (void)state;
    if (dr_json_load(GOLDEN "prompts/weights.json", &golden) || dr_tokenizer_load(&tokenizer, GOLDEN "nano/tokenizer"))
        return -1;
    cases = json_object_get(golden, "cases");
    return 0;
}

static int close_golden(void **state)
{
    (void)state;
    json_decref(golden);
    dr_tokenizer_free(tokenizer);
    return 0;
}

static const char *text_of(size_t i)
{
    return json_string_value(json_object_get(json_array_get(cases, i), "text"));
}

static void brackets_are_read_as_automatic1111_reads_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *want = json_object_get(json_array_get(cases, i), "pieces");
        dr_prompt_piece *p;
        size_t n;
        assert_int_equal(dr_prompt_pieces(text_of(i), true, &p, &n), DR_OK);
        if (n != json_array_size(want))
            fail_msg("'%s': %zu pieces, expected %zu", text_of(i), n, json_array_size(want));
        for (size_t k = 0; k < n; k++) {
            const json_t *one = json_array_get(want, k);
            double weight = json_number_value(json_array_get(one, 1));
            /* Python takes the blanks around BREAK away; they are no tokens */
            const char *text = p[k].text, *s = json_string_value(json_array_get(one, 0));
            size_t blank = strspn(text, " \n"), length = strlen(text + blank);
            bool same = strcmp(text, s) == 0 || (strncmp(text + blank, s, strlen(s)) == 0 &&
                                                 strspn(text + blank + strlen(s), " \n") + strlen(s) == length);
            if (!same || p[k].weight != weight)
                fail_msg("'%s': piece %zu is '%s' of %.17g, expected '%s' of %.17g", text_of(i), k, text, p[k].weight,
                         s, weight);
        }
        dr_prompt_pieces_free(p, n);
    }
}

static void weights_stay_with_their_tokens_in_chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *ids = json_object_get(json_array_get(cases, i), "ids");
        const json_t *weights = json_object_get(json_array_get(cases, i), "weights");
        dr_prompt_tokens p;
        assert_int_equal(dr_tokenizer_prompt(tokenizer, text_of(i), DR_PROMPT_LONG | DR_PROMPT_WEIGHTS, &p), DR_OK);
        if ((size_t)p.chunks != json_array_size(ids))
            fail_msg("'%s': %d chunks, expected %zu", text_of(i), p.chunks, json_array_size(ids));
        for (size_t k = 0; k < (size_t)p.chunks * DR_TOKENS; k++) {
            size_t chunk = k / DR_TOKENS, at = k % DR_TOKENS;
            double weight = json_number_value(json_array_get(json_array_get(weights, chunk), at));
            if (p.ids[k] != json_integer_value(json_array_get(json_array_get(ids, chunk), at)))
                fail_msg("'%s': token %zu of chunk %zu is %d", text_of(i), at, chunk, p.ids[k]);
            if ((p.weight ? p.weight[k] : 1) != (float)weight)
                fail_msg("'%s': token %zu of chunk %zu weighs %g, expected %g", text_of(i), at, chunk,
                         p.weight ? (double)p.weight[k] : 1, weight);
        }
        dr_prompt_tokens_clear(&p);
    }
}

static void one_chunk_ends_where_it_is_full(void **state)
{
    (void)state;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        dr_prompt_tokens whole, one;
        assert_int_equal(dr_tokenizer_prompt(tokenizer, text_of(i), DR_PROMPT_WEIGHTS, &one), DR_OK);
        assert_int_equal(one.chunks, 1);
        if (!strstr(text_of(i), "BREAK") && !strchr(text_of(i), ',')) {
            assert_int_equal(dr_tokenizer_prompt(tokenizer, text_of(i), DR_PROMPT_LONG | DR_PROMPT_WEIGHTS, &whole),
                             DR_OK);
            assert_memory_equal(one.ids, whole.ids, DR_TOKENS * sizeof *one.ids);
            if (one.weight)
                assert_memory_equal(one.weight, whole.weight, DR_TOKENS * sizeof *one.weight);
            dr_prompt_tokens_clear(&whole);
        }
        dr_prompt_tokens_clear(&one);
    }
}

static void without_weights_brackets_are_text(void **state)
{
    (void)state;
    int32_t want[DR_TOKENS];
    dr_prompt_tokens p;
    assert_int_equal(dr_tokenizer_encode(tokenizer, "a (red:1.3) coat", want, NULL), DR_OK);
    assert_int_equal(dr_tokenizer_prompt(tokenizer, "a (red:1.3) coat", DR_PROMPT_LONG, &p), DR_OK);
    assert_memory_equal(p.ids, want, sizeof want);
    assert_null(p.weight);
    dr_prompt_tokens_clear(&p);
}

static void what_is_cut_is_told_without_its_brackets(void **state)
{
    (void)state;
    char text[600] = "", *cut;
    for (int i = 0; i < 38; i++)
        strcat(text, "(red:1.2) coat ");
    assert_int_equal(dr_tokenizer_cut(tokenizer, text, true, &cut), DR_OK);
    assert_string_equal(cut, "coat");
    free(cut);
    text[strlen(text) - 16] = 0; /* 74 tokens, but many more with the brackets */
    assert_int_equal(dr_tokenizer_cut(tokenizer, text, true, &cut), DR_OK);
    assert_null(cut);
}

static void hostile_brackets_are_refused_in_time(void **state)
{
    (void)state;
    static char text[1 << 20];
    dr_prompt_piece *p;
    size_t n;
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = "(a"[i % 2];
    assert_int_equal(dr_prompt_pieces(text, true, &p, &n), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "more than 8192 brackets"));
    assert_null(p);
    memset(text, '(', sizeof text - 1);
    assert_int_equal(dr_prompt_pieces(text, true, &p, &n), DR_EINVAL);
    assert_int_equal(dr_prompt_pieces("(((red:99999999999999999999):99999999999999999999):1)", true, &p, &n),
                     DR_EINVAL);
    assert_non_null(strstr(dr_error(), "too large: 'red'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brackets_are_read_as_automatic1111_reads_them),
        cmocka_unit_test(weights_stay_with_their_tokens_in_chunks),
        cmocka_unit_test(one_chunk_ends_where_it_is_full),
        cmocka_unit_test(without_weights_brackets_are_text),
        cmocka_unit_test(what_is_cut_is_told_without_its_brackets),
        cmocka_unit_test(hostile_brackets_are_refused_in_time),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
