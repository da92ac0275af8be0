/* Expected ids: tests/golden/clip-tokenizer/tokens.json, which tools/golden/make_tokens.py writes. */
#include "models/tokenizer_internal.h"

#include "base/file.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER DR_SOURCE_DIR "/tests/golden/clip-tokenizer"
#define MAX_FILE ((size_t)8 << 20)

static char *vocab_text, *merges_text;
static size_t vocab_size, merges_size;
static json_t *tables;

static int read_golden(void **state)
{
    (void)state;
    json_t *tokens;
    if (dr_file_read(FOLDER "/vocab.json", MAX_FILE, &vocab_text, &vocab_size) ||
        dr_file_read(FOLDER "/merges.txt", MAX_FILE, &merges_text, &merges_size) ||
        dr_json_load(FOLDER "/tokens.json", &tokens)) {
        print_error("%s\n", dr_error());
        return -1;
    }
    tables = json_incref(json_object_get(tokens, "tables"));
    json_decref(tokens);
    return 0;
}

static int free_golden(void **state)
{
    (void)state;
    free(vocab_text);
    free(merges_text);
    json_decref(tables);
    return 0;
}

static dr_tokenizer_file in_memory(const char *text)
{
    return (dr_tokenizer_file){text, text ? strlen(text) : 0};
}

static dr_tokenizer *parse_ok(const dr_tokenizer_files *f)
{
    dr_tokenizer *t;
    if (dr_tokenizer_parse(&t, f))
        fail_msg("%s", dr_error());
    return t;
}

static dr_tokenizer *load_ok(void)
{
    dr_tokenizer *t;
    if (dr_tokenizer_load(&t, FOLDER))
        fail_msg("%s", dr_error());
    return t;
}

static void check_case(const dr_tokenizer *t, const json_t *table, const json_t *c)
{
    const char *text = json_string_value(json_object_get(c, "text"));
    const json_t *want = json_object_get(c, "ids");
    int32_t ids[DR_TOKENS];
    int count = -1;
    assert_int_equal(dr_tokenizer_encode(t, text, ids, &count), DR_OK);
    for (size_t i = 0; i < DR_TOKENS; i++) {
        bool padding = i >= json_array_size(want);
        json_int_t id = json_integer_value(padding ? json_object_get(table, "pad") : json_array_get(want, i));
        if (ids[i] != id)
            fail_msg("%s: '%s': token %zu is %d, expected %lld", json_string_value(json_object_get(table, "name")),
                     text, i, ids[i], (long long)id);
    }
    assert_int_equal(count, json_integer_value(json_object_get(c, "count")));
}

static void check_table(const dr_tokenizer *t, const json_t *table)
{
    const json_t *cases = json_object_get(table, "cases");
    assert_true(json_array_size(cases) > 10);
    assert_int_equal(dr_tokenizer_vocab_size(t), json_integer_value(json_object_get(table, "size")));
    for (size_t i = 0; i < json_array_size(cases); i++)
        check_case(t, table, json_array_get(cases, i));
}

static char *dumped(const json_t *files, const char *name)
{
    const json_t *v = json_object_get(files, name);
    return v ? json_dumps(v, 0) : NULL;
}

static void ids_are_those_of_transformers(void **state)
{
    (void)state;
    for (size_t i = 0; i < json_array_size(tables); i++) {
        const json_t *table = json_array_get(tables, i), *files = json_object_get(table, "files");
        char *config = dumped(files, "config"), *special = dumped(files, "special"), *added = dumped(files, "added");
        dr_tokenizer_files f = {"test",
                                {NULL, 0},
                                {vocab_text, vocab_size},
                                {merges_text, merges_size},
                                in_memory(config),
                                in_memory(special),
                                in_memory(added)};
        dr_tokenizer *t = parse_ok(&f);
        check_table(t, table);
        dr_tokenizer_free(t);
        free(config);
        free(special);
        free(added);
    }
}

/* tokenizer.json out of the two files, with merges as "a b" or ["a","b"]. */
static char *as_tokenizer_json(bool pairs)
{
    json_t *merges = json_array(), *vocab, *all;
    assert_int_equal(dr_json_parse(vocab_text, vocab_size, "vocab.json", &vocab), DR_OK);
    for (const char *line = strchr(merges_text, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
        size_t n = strcspn(line, "\n"), a = strcspn(line, " ");
        json_array_append_new(merges,
                              pairs ? json_pack("[s%s%]", line, a, line + a + 1, n - a - 1) : json_stringn(line, n));
    }
    all = json_pack("{s:{s:s, s:o, s:o}, s:[{s:s, s:i, s:b, s:b}]}", "model", "type", "BPE", "vocab", vocab, "merges",
                    merges, "added_tokens", "content", "!", "id", 0, "normalized", 0, "special", 1);
    char *text = json_dumps(all, 0);
    json_decref(all);
    assert_non_null(text);
    return text;
}

static void tokenizer_json_gives_the_same_ids(void **state)
{
    (void)state;
    for (int pairs = 0; pairs < 2; pairs++) {
        char *text = as_tokenizer_json(pairs);
        dr_tokenizer_files f = {
            .dir = "test", .tokenizer = in_memory(text), .config = in_memory("{\"pad_token\": \"!\"}")};
        dr_tokenizer *t = parse_ok(&f);
        check_table(t, json_array_get(tables, 1));
        dr_tokenizer_free(t);
        free(text);
    }
}

static void a_folder_loads_from_disk(void **state)
{
    (void)state;
    dr_tokenizer *t = load_ok();
    check_table(t, json_array_get(tables, 1));
    dr_tokenizer_free(t);
}

/* bytes.decode("utf-8", "replace") of Python */
static void broken_utf8_becomes_replacement_characters(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *same_as;
    } cases[] = {
        {"a\xff"
         "b",
         "a\ufffdb"},
        {"\x80\xbf", "\ufffd\ufffd"},
        {"caf\xc3", "caf\ufffd"},
        {"\xc3(", "\ufffd("},
        {"\xe2\x82(", "\ufffd("},
        {"\xf0\x9f\x91", "\ufffd"},
        {"\xf0\x9f\x91\xf0\x9f\x91\x97", "\ufffd\U0001f457"},
        {"\xc0\xaf", "\ufffd\ufffd"},
        {"\xed\xa0\x80", "\ufffd\ufffd\ufffd"},
        {"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"},
        {"\xe0\x9f\xbf", "\ufffd\ufffd\ufffd"},
        {"\xf8\x88", "\ufffd\ufffd"},
    };
    dr_tokenizer *t = load_ok();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t a[DR_TOKENS], b[DR_TOKENS];
        assert_int_equal(dr_tokenizer_encode(t, cases[i].bytes, a, NULL), DR_OK);
        assert_int_equal(dr_tokenizer_encode(t, cases[i].same_as, b, NULL), DR_OK);
        assert_memory_equal(a, b, sizeof a);
    }
    dr_tokenizer_free(t);
}

/* Quadratic work would take minutes here. Counts: transformers 5.23. */
static void long_texts_take_linear_time(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        int times, count;
    } cases[] = {
        {"a", 1 << 18, 32769},
        {"ab", 1 << 17, 131072},
        {"!", 1 << 18, 1 << 18},
        {"red dress ", 1 << 14, 1 << 15},
    };
    dr_tokenizer *t = load_ok();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = strlen(cases[i].unit);
        char *text = malloc(n * (size_t)cases[i].times + 1);
        int32_t ids[DR_TOKENS];
        int count;
        assert_non_null(text);
        for (int k = 0; k < cases[i].times; k++)
            memcpy(text + n * (size_t)k, cases[i].unit, n + 1);
        assert_int_equal(dr_tokenizer_encode(t, text, ids, &count), DR_OK);
        assert_int_equal(count, cases[i].count);
        free(text);
    }
    dr_tokenizer_free(t);
}

/* Marks of falling class, each below the one before it in canonical order. */
static void a_long_run_of_marks_is_put_in_order(void **state)
{
    (void)state;
    enum { RUN = 1 << 17 };
    char *text = malloc(2 * (size_t)RUN + 2), *sorted = malloc(2 * (size_t)RUN + 2);
    int32_t a[DR_TOKENS], b[DR_TOKENS];
    assert_true(text && sorted);
    text[0] = sorted[0] = 'x';
    for (size_t i = 0; i < RUN; i++) {
        memcpy(text + 1 + 2 * i, i < RUN / 2 ? "\u0315" : "\u0316", 3); /* class 232, then 220 */
        memcpy(sorted + 1 + 2 * i, i < RUN / 2 ? "\u0316" : "\u0315", 3);
    }
    dr_tokenizer *t = load_ok();
    assert_int_equal(dr_tokenizer_encode(t, text, a, NULL), DR_OK);
    assert_int_equal(dr_tokenizer_encode(t, sorted, b, NULL), DR_OK);
    assert_memory_equal(a, b, sizeof a);
    dr_tokenizer_free(t);
    free(text);
    free(sorted);
}

static void a_text_above_the_limit_is_refused(void **state)
{
    (void)state;
    char *text = malloc(DR_PROMPT_BYTES_MAX + 2);
    int32_t ids[DR_TOKENS];
    assert_non_null(text);
    memset(text, ' ', DR_PROMPT_BYTES_MAX + 1);
    text[DR_PROMPT_BYTES_MAX + 1] = 0;
    dr_tokenizer *t = load_ok();
    assert_int_equal(dr_tokenizer_encode(t, text, ids, NULL), DR_EINVAL);
    text[DR_PROMPT_BYTES_MAX] = 0;
    assert_int_equal(dr_tokenizer_encode(t, text, ids, NULL), DR_OK);
    dr_tokenizer_free(t);
    free(text);
}

/* Made by tools/golden/make_long_prompt.py. */
static json_t *long_prompts(void)
{
    char *text;
    size_t n;
    assert_int_equal(dr_file_read(FOLDER "/chunks.json", MAX_FILE, &text, &n), DR_OK);
    json_t *all = json_loadb(text, n, 0, NULL);
    free(text);
    assert_true(json_array_size(all) > 10);
    return all;
}

/* The golden chunks pad with "!". */
static dr_tokenizer *load_sd2(void)
{
    dr_tokenizer_files f = {"test",    {NULL, 0}, {vocab_text, vocab_size}, {merges_text, merges_size}, {NULL, 0},
                            {NULL, 0}, {NULL, 0}};
    f.config = in_memory("{\"pad_token\": \"!\"}");
    return parse_ok(&f);
}

static void a_long_prompt_has_the_chunks_of_automatic1111(void **state)
{
    (void)state;
    json_t *all = long_prompts();
    dr_tokenizer *t = load_sd2();
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *c = json_array_get(all, i), *want = json_object_get(c, "chunks");
        const char *text = json_string_value(json_object_get(c, "text"));
        dr_prompt_tokens p;
        assert_int_equal(dr_tokenizer_prompt(t, text, DR_PROMPT_LONG, &p), DR_OK);
        const int32_t *ids = p.ids;
        const int chunks = p.chunks;
        assert_null(p.weight);
        if ((size_t)chunks != json_array_size(want))
            fail_msg("'%s': %d chunks, expected %zu", text, chunks, json_array_size(want));
        for (size_t k = 0; k < (size_t)chunks * DR_TOKENS; k++)
            if (ids[k] != json_integer_value(json_array_get(json_array_get(want, k / DR_TOKENS), k % DR_TOKENS)))
                fail_msg("'%s': token %zu of chunk %zu is %d", text, k % DR_TOKENS, k / DR_TOKENS, ids[k]);
        dr_prompt_tokens_clear(&p);
    }
    dr_tokenizer_free(t);
    json_decref(all);
}

static void what_75_tokens_leave_out_is_told_in_words(void **state)
{
    (void)state;
    json_t *all = long_prompts();
    dr_tokenizer *t = load_sd2();
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *c = json_array_get(all, i), *want = json_object_get(c, "cut");
        char *cut;
        assert_int_equal(dr_tokenizer_cut(t, json_string_value(json_object_get(c, "text")), false, &cut), DR_OK);
        if (json_is_null(want))
            assert_null(cut);
        else
            assert_string_equal(cut, json_string_value(want));
        free(cut);
    }
    dr_tokenizer_free(t);
    json_decref(all);
}

static void a_prompt_of_too_many_chunks_is_refused(void **state)
{
    (void)state;
    static char text[6 * (DR_LONG_CHUNKS + 1) + 1];
    dr_tokenizer *t = load_ok();
    dr_prompt_tokens p;
    for (int i = 0; i < DR_LONG_CHUNKS; i++)
        strcat(text, i ? " BREAK" : "BREAK");
    assert_int_equal(dr_tokenizer_prompt(t, text, DR_PROMPT_LONG, &p), DR_OK);
    assert_int_equal(p.chunks, DR_LONG_CHUNKS);
    dr_prompt_tokens_clear(&p);
    strcat(text, " BREAK");
    assert_int_equal(dr_tokenizer_prompt(t, text, DR_PROMPT_LONG, &p), DR_EINVAL);
    assert_null(p.ids);
    dr_tokenizer_free(t);
}

#define SPECIALS "\"<|startoftext|>\":5,\"<|endoftext|>\":6"
#define VOCAB "{\"a\":0,\"b\":1,\"a</w>\":2,\"b</w>\":3,\"ab</w>\":4," SPECIALS "}"
#define MERGES "#version: 0.2\na b</w>\n"

static void bytes_without_a_token_are_unknown(void **state)
{
    (void)state;
    dr_tokenizer_files f = {.dir = "test", .vocab = in_memory(VOCAB), .merges = in_memory(MERGES)};
    dr_tokenizer *t = parse_ok(&f);
    int32_t ids[DR_TOKENS];
    int count;
    assert_int_equal(dr_tokenizer_encode(t, "ab c ba", ids, &count), DR_OK);
    const int32_t want[] = {5, 4, 6, 1, 2, 6, 6};
    assert_memory_equal(ids, want, sizeof want);
    assert_int_equal(count, 4);
    dr_tokenizer_free(t);
}

/* tokenizers 0.23: BPE(vocab, merges).encode("abc") is a, bc */
static void of_a_merge_given_twice_the_later_rank_counts(void **state)
{
    (void)state;
    dr_tokenizer_files f = {
        .dir = "test",
        .vocab = in_memory("{\"a\":0,\"b\":1,\"c</w>\":2,\"ab\":3,\"bc</w>\":4," SPECIALS "}"),
        .merges = in_memory("a b\r\nb c</w>\r\na b\r\n"),
    };
    dr_tokenizer *t = parse_ok(&f);
    int32_t ids[DR_TOKENS];
    assert_int_equal(dr_tokenizer_encode(t, "abc", ids, NULL), DR_OK);
    const int32_t want[] = {5, 0, 4, 6, 6};
    assert_memory_equal(ids, want, sizeof want);
    dr_tokenizer_free(t);
}

/* One row: the files of a folder, and what the refusal must say. */
static const struct {
    const char *vocab, *merges, *tokenizer, *config, *special, *added, *message;
    dr_status status;
} hostile[] = {
    {.vocab = VOCAB, .message = "both vocab.json and merges.txt", .status = DR_ENOENT},
    {.merges = MERGES, .message = "needs tokenizer.json", .status = DR_ENOENT},
    {.vocab = "", .merges = MERGES, .message = "not valid JSON"},
    {.vocab = "[1]", .merges = MERGES, .message = "not an object"},
    {.vocab = "{}", .merges = MERGES, .message = "no vocabulary"},
    {.vocab = "{\"a\xff\":0}", .merges = MERGES, .message = "not valid JSON"},
    {.vocab = "{\"a\":0,\"a\":1}", .merges = MERGES, .message = "not valid JSON"},
    {.vocab = "{\"a\":0,\"b\":0," SPECIALS "}", .merges = "", .message = "given to two tokens"},
    {.vocab = "{\"a\":-1," SPECIALS "}", .merges = "", .message = "whole number"},
    {.vocab = "{\"a\":16777216," SPECIALS "}", .merges = "", .message = "whole number"},
    {.vocab = "{\"a\":1e3," SPECIALS "}", .merges = "", .message = "whole number"},
    {.vocab = "{\"a\":\"1\"," SPECIALS "}", .merges = "", .message = "whole number"},
    {.vocab = "{\"a\":0,\"<|startoftext|>\":1}", .merges = "", .message = "eos_token has no id"},
    {.vocab = "{\"a\":0,\"<|endoftext|>\":1}", .merges = "", .message = "bos_token has no id"},
    {.vocab = VOCAB, .merges = "a\n", .message = "two tokens with one blank"},
    {.vocab = VOCAB, .merges = "a b c\n", .message = "two tokens with one blank"},
    {.vocab = VOCAB, .merges = "b a</w>\n", .message = "not in the vocabulary"},
    {.vocab = VOCAB, .merges = "a \xff\n", .message = "not in the vocabulary"},
    {.vocab = VOCAB, .merges = " \n", .message = "not in the vocabulary"},
    {.vocab = VOCAB, .merges = MERGES, .config = "{\"pad_token\":\"zz\"}", .message = "pad_token has no id"},
    {.vocab = VOCAB, .merges = MERGES, .config = "{\"pad_token\":7}", .message = "a token must be"},
    {.vocab = VOCAB, .merges = MERGES, .special = "{\"pad_token\":{\"content\":1}}", .message = "a token must be"},
    {.vocab = VOCAB,
     .merges = MERGES,
     .special = "{\"pad_token\":{\"content\":\"a\",\"normalized\":3}}",
     .message = "true or false"},
    {.vocab = VOCAB, .merges = MERGES, .added = "{\"new\":\"x\"}", .message = "has id -1"},
    {.vocab = VOCAB, .merges = MERGES, .added = "{\"new\":3}", .message = "has id 3, must be 7"},
    {.vocab = VOCAB, .merges = MERGES, .added = "{\"new\":99999999999}", .message = "has id 99999999999"},
    {.vocab = VOCAB,
     .merges = MERGES,
     .config = "{\"added_tokens_decoder\":{\"7x\":{\"content\":\"n\"}}}",
     .message = "has id -1"},
    {.vocab = VOCAB, .merges = MERGES, .config = "{\"added_tokens_decoder\":{\"7\":5}}", .message = "a token must be"},
    {.tokenizer = "{}", .message = "\"model\" must be an object"},
    {.tokenizer = "{\"model\":[]}", .message = "\"model\" must be an object"},
    {.tokenizer = "{\"model\":{\"type\":\"Unigram\"}}", .message = "type \"BPE\"", .status = DR_EUNSUPPORTED},
    {.tokenizer = "{\"model\":{\"vocab\":[]}}", .message = "no vocabulary"},
    {.tokenizer = "{\"model\":{\"vocab\":" VOCAB "}}", .message = "\"merges\" in \"model\" must be a list"},
    {.tokenizer = "{\"model\":{\"merges\":[[\"a\"]],\"vocab\":" VOCAB "}}", .message = "merge 1 must be"},
    {.tokenizer = "{\"model\":{\"merges\":[[\"a\",1]],\"vocab\":" VOCAB "}}", .message = "merge 1 must be"},
    {.tokenizer = "{\"model\":{\"merges\":[7],\"vocab\":" VOCAB "}}", .message = "merge 1 must be"},
    {.tokenizer = "{\"model\":{\"merges\":[],\"vocab\":" VOCAB "},\"added_tokens\":{}}", .message = "must be a list"},
    {.tokenizer = "{\"model\":{\"merges\":[],\"vocab\":" VOCAB "},\"added_tokens\":[3]}", .message = "a token must be"},
};

static void hostile_files_are_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        dr_tokenizer_files f = {"test",
                                in_memory(hostile[i].tokenizer),
                                in_memory(hostile[i].vocab),
                                in_memory(hostile[i].merges),
                                in_memory(hostile[i].config),
                                in_memory(hostile[i].special),
                                in_memory(hostile[i].added)};
        dr_tokenizer *t;
        dr_status want = hostile[i].status ? hostile[i].status : DR_EINVAL, got = dr_tokenizer_parse(&t, &f);
        if (got != want || !strstr(dr_error(), hostile[i].message))
            fail_msg("row %zu: status %d '%s', expected %d '%s'", i, got, dr_error(), want, hostile[i].message);
        assert_null(t);
    }
}

static void an_added_token_of_too_many_characters_is_refused(void **state)
{
    (void)state;
    char added[DR_ADDED_TEXT_MAX + 16];
    for (int n = DR_ADDED_TEXT_MAX; n <= DR_ADDED_TEXT_MAX + 1; n++) {
        char name[DR_ADDED_TEXT_MAX + 2] = {0};
        memset(name, 'q', (size_t)n);
        snprintf(added, sizeof added, "{\"%s\":7}", name);
        dr_tokenizer_files f = {
            .dir = "test", .vocab = in_memory(VOCAB), .merges = in_memory(MERGES), .added = in_memory(added)};
        dr_tokenizer *t;
        assert_int_equal(dr_tokenizer_parse(&t, &f), n <= DR_ADDED_TEXT_MAX ? DR_OK : DR_EINVAL);
        dr_tokenizer_free(t);
    }
}

static void a_folder_that_is_not_there_says_what_it_needs(void **state)
{
    (void)state;
    dr_tokenizer *t;
    assert_int_equal(dr_tokenizer_load(&t, DR_SOURCE_DIR "/tests/golden/nowhere"), DR_ENOENT);
    assert_non_null(strstr(dr_error(), "tests/golden/nowhere"));
    assert_null(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_those_of_transformers),
        cmocka_unit_test(tokenizer_json_gives_the_same_ids),
        cmocka_unit_test(a_folder_loads_from_disk),
        cmocka_unit_test(broken_utf8_becomes_replacement_characters),
        cmocka_unit_test(long_texts_take_linear_time),
        cmocka_unit_test(a_long_run_of_marks_is_put_in_order),
        cmocka_unit_test(a_long_prompt_has_the_chunks_of_automatic1111),
        cmocka_unit_test(what_75_tokens_leave_out_is_told_in_words),
        cmocka_unit_test(a_prompt_of_too_many_chunks_is_refused),
        cmocka_unit_test(a_text_above_the_limit_is_refused),
        cmocka_unit_test(bytes_without_a_token_are_unknown),
        cmocka_unit_test(of_a_merge_given_twice_the_later_rank_counts),
        cmocka_unit_test(hostile_files_are_refused_with_a_reason),
        cmocka_unit_test(an_added_token_of_too_many_characters_is_refused),
        cmocka_unit_test(a_folder_that_is_not_there_says_what_it_needs),
    };
    return cmocka_run_group_tests(tests, read_golden, free_golden);
}
