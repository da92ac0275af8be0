/* Bounds are promised and kept: each row of each table, by the command line, the library and the server alike. */
#include "base/file.h"
#include "cli/opt_table.h"
#include "options/options.h"
#include "serve/jobs/fields.h"
#include "serve/jobs/settings.h"
#include "train/trainer.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MODEL DR_SOURCE_DIR "/tests/golden/nano"

/* One job's options, and the library's word on them. */
typedef struct job {
    const char *name;
    dr_option_rows *rows;
    void (*defaults)(void *values);
    int (*ask)(const void *values);
} job;

typedef union values {
    drape_train_options train;
    drape_tryon_options tryon;
    drape_mask_options mask;
    drape_warp_options warp;
} values;

static char folder[64];
static drape_pipeline *pipeline;
static drape_warper *warper;

static void train_defaults(void *v)
{
    drape_train_options *o = v;
    drape_train_defaults(o);
    o->pretrained_model_name_or_path = MODEL;
    o->instance_data_dir = DR_SOURCE_DIR "/examples";
    o->instance_masks_data_dir = DR_SOURCE_DIR "/examples";
    o->output_dir = folder;
}

static int ask_train(const void *v)
{
    return dr_train_check(v);
}

static void tryon_defaults(void *v)
{
    *(drape_tryon_options *)v = (drape_tryon_options)DRAPE_TRYON_DEFAULTS;
}

/* A side alone is refused, whatever it is. */
static int ask_tryon(const void *v)
{
    drape_tryon_options o = *(const drape_tryon_options *)v;
    if (o.width || o.height) {
        o.width = o.width ? o.width : 32;
        o.height = o.height ? o.height : 32;
    }
    return drape_tryon_check(pipeline, &o);
}

static void mask_defaults(void *v)
{
    *(drape_mask_options *)v = (drape_mask_options)DRAPE_MASK_DEFAULTS;
}

/* Nobody is in this picture; what is wrong with the options is said before. */
static int ask_mask(const void *v)
{
    uint8_t nothing[64] = {0};
    const drape_image labels = {8, 8, 1, nothing};
    drape_image out = {0};
    int st = drape_mask_from_labels(&labels, v, &out);
    assert_int_equal(st, DRAPE_EINVAL);
    return strstr(drape_error(), "person") && !strstr(drape_error(), "must be") ? DRAPE_OK : st;
}

static void warp_defaults(void *v)
{
    *(drape_warp_options *)v = (drape_warp_options)DRAPE_WARP_DEFAULTS;
}

/* What these networks need of a size is their own affair. */
static int fit_side(int side, int multiple)
{
    return side > 0 && side < 4096 ? (side + multiple - 1) / multiple * multiple : side;
}

static int ask_warp(const void *v)
{
    drape_warp_options o = *(const drape_warp_options *)v;
    o.width = fit_side(o.width, 16);
    o.height = fit_side(o.height, 16);
    o.condition_width = fit_side(o.condition_width, 16);
    o.condition_height = fit_side(o.condition_height, 16);
    return drape_warp_check(warper, &o);
}

static const job jobs[] = {
    {"train", drape_train_option, train_defaults, ask_train},
    {"tryon", drape_tryon_option, tryon_defaults, ask_tryon},
    {"mask", drape_mask_option, mask_defaults, ask_mask},
    {"warp", drape_warp_option, warp_defaults, ask_warp},
};
#define JOBS (sizeof jobs / sizeof *jobs)

static void *field(const drape_option *p, values *v)
{
    return (char *)v + p->offset;
}

/* --- the command line ----------------------------------------------------------------------------- */

/* What the command line makes of `--name text`; its complaints are not for the test's reader. */
static bool parses(const job *j, const drape_option *p, const char *text, values *v)
{
    static const dr_command cmd = {"test", "", "", NULL, NULL};
    static dr_opt_set s;
    static char given[128]; /* the options point into it */
    char program[] = "test", *argv[] = {program, given};
    int err = dup(2), null = open("/dev/null", O_WRONLY);
    j->defaults(v);
    dr_opt_table(&s, j->rows, v, NULL, 0, NULL);
    for (size_t i = 0; i < s.count; i++)
        s.opt[i].required = false;
    snprintf(given, sizeof given, "--%s=%s", p->name, text);
    dup2(null, 2);
    int rc = dr_opt_parse(&cmd, s.opt, s.count, 2, argv, NULL);
    dup2(err, 2);
    close(err);
    close(null);
    assert_true(rc == 0 || rc == DR_EXIT_USAGE);
    assert_true(rc != 0 || s.given);
    return rc == 0;
}

static bool is_number(const drape_option *p)
{
    return p->kind == DRAPE_OPTION_INT || p->kind == DRAPE_OPTION_NUMBER || p->kind == DRAPE_OPTION_BYTES;
}

static void set(const drape_option *p, values *v, double number)
{
    if (p->kind == DRAPE_OPTION_INT)
        *(int *)field(p, v) = (int)number;
    else if (p->kind == DRAPE_OPTION_BYTES)
        *(int64_t *)field(p, v) = (int64_t)number;
    else
        *(double *)field(p, v) = number;
}

static double get(const drape_option *p, values *v)
{
    return p->kind == DRAPE_OPTION_INT     ? *(int *)field(p, v)
           : p->kind == DRAPE_OPTION_BYTES ? (double)*(int64_t *)field(p, v)
                                           : *(double *)field(p, v);
}

/* The number through both doors. */
static void try_number(const job *j, const drape_option *p, double number, bool allowed)
{
    char text[40];
    values v;
    snprintf(text, sizeof text, "%.17g", number);
    if (parses(j, p, text, &v) != allowed)
        fail_msg("%s: --%s %s is %s by the command line", j->name, p->name, text, allowed ? "refused" : "taken");
    if (allowed)
        assert_true(get(p, &v) == number);
    j->defaults(&v);
    set(p, &v, number);
    int st = j->ask(&v);
    if (st != (allowed ? DRAPE_OK : DRAPE_EINVAL) || (!allowed && !strstr(drape_error(), p->name)))
        fail_msg("%s: %s = %s is answered by the library with %d, '%s'", j->name, p->name, text, st, drape_error());
}

static void numbers_are_taken_up_to_both_ends_and_no_further(void **state)
{
    (void)state;
    for (size_t i = 0; i < JOBS; i++) {
        const drape_option *p;
        for (int k = 0; (p = jobs[i].rows(k)) != NULL; k++) {
            if (!is_number(p))
                continue;
            bool whole = p->kind != DRAPE_OPTION_NUMBER;
            double step = whole ? 1 : 1e-9 * (p->most - p->least);
            if (p->least > 0 && !whole)
                step = p->least / 2;
            try_number(&jobs[i], p, p->least, !p->above);
            try_number(&jobs[i], p, p->least - step, false);
            try_number(&jobs[i], p, p->least + (whole && strcmp(p->value, "PX") == 0 ? 8 : step), true);
            try_number(&jobs[i], p, p->most, true);
            try_number(&jobs[i], p, whole ? p->most + 1 : nextafter(p->most, INFINITY), false);
        }
    }
}

static void what_is_no_number_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < JOBS; i++) {
        const drape_option *p;
        for (int k = 0; (p = jobs[i].rows(k)) != NULL; k++) {
            values v;
            if (p->kind != DRAPE_OPTION_NUMBER)
                continue;
            assert_false(parses(&jobs[i], p, "nan", &v) || parses(&jobs[i], p, "inf", &v));
            const double odd[] = {NAN, INFINITY, -INFINITY};
            for (int n = 0; n < 3; n++) {
                jobs[i].defaults(&v);
                set(p, &v, odd[n]);
                assert_int_equal(jobs[i].ask(&v), DRAPE_EINVAL);
            }
        }
    }
}

static void memory_has_units(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes; /* -1: refused */
    } cases[] = {
        {"0", 0},           {"1000", 1000},      {"2K", 2048}, {"3k", 3072},  {"500M", 500 << 20}, {"1.5MiB", 3 << 19},
        {"2GB", 2LL << 30}, {"2GiB", 2LL << 30}, {"", -1},     {"G", -1},     {"2T", -1},          {"2Gi", -1},
        {"-1", -1},         {"2 GiB", -1},       {"nanG", -1}, {"1e300G", -1}};
    (void)state;
    const drape_option *p = dr_option_named(drape_train_option, "activation_memory");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        values v;
        bool taken = parses(&jobs[0], p, cases[i].text, &v);
        if (taken != (cases[i].bytes >= 0) || (taken && v.train.activation_memory != cases[i].bytes))
            fail_msg("'%s' is %s, %lld", cases[i].text, taken ? "taken" : "refused",
                     (long long)v.train.activation_memory);
    }
}

/* --- words ---------------------------------------------------------------------------------------- */

static void try_word(const job *j, const drape_option *p, const char *word, int index, bool allowed)
{
    values v;
    assert_int_equal(parses(j, p, word, &v), allowed);
    if (allowed && p->kind == DRAPE_OPTION_ENUM)
        assert_int_equal(*(int *)field(p, &v), index);
    else if (allowed)
        assert_string_equal(*(const char **)field(p, &v), word);
    j->defaults(&v);
    if (p->kind == DRAPE_OPTION_ENUM)
        *(int *)field(p, &v) = index;
    else
        *(const char **)field(p, &v) = word;
    int st = j->ask(&v);
    if (allowed && strcmp(p->name, "fit") == 0 && index > 0) { /* for pipelines of another kind than the test's */
        assert_int_equal(st, DRAPE_EINVAL);
        assert_non_null(strstr(drape_error(), "for dressing from a photo"));
        return;
    }
    if ((st != DRAPE_EINVAL) != allowed) /* bf16 and fp16 depend on the machine */
        fail_msg("%s: %s = '%s' is answered with %d, '%s'", j->name, p->name, word, st, drape_error());
}

static void words_are_those_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < JOBS; i++) {
        const drape_option *p;
        for (int k = 0; (p = jobs[i].rows(k)) != NULL; k++) {
            char words[256], *rest = NULL;
            int n = 0;
            if (!p->choices)
                continue;
            snprintf(words, sizeof words, "%s", p->choices);
            for (char *w = strtok_r(words, "|", &rest); w; w = strtok_r(NULL, "|", &rest))
                try_word(&jobs[i], p, w, n++, true);
            assert_true(n > 1);
            try_word(&jobs[i], p, "nonsense", n, false);
            try_word(&jobs[i], p, "", -1, false);
        }
    }
}

static void texts_that_must_be_given_are_missed(void **state)
{
    (void)state;
    for (size_t i = 0; i < JOBS; i++) {
        const drape_option *p;
        for (int k = 0; (p = jobs[i].rows(k)) != NULL; k++) {
            values v;
            if (p->kind != DRAPE_OPTION_TEXT && p->kind != DRAPE_OPTION_CHOICE)
                continue;
            jobs[i].defaults(&v);
            *(const char **)field(p, &v) = NULL;
            assert_int_equal(jobs[i].ask(&v), p->unset ? DRAPE_OK : DRAPE_EINVAL);
            if (!p->unset)
                assert_non_null(strstr(drape_error(), "is missing"));
        }
    }
}

static void each_field_has_one_row_and_a_help(void **state)
{
    (void)state;
    for (size_t i = 0; i < JOBS; i++) {
        const drape_option *p, *q;
        values v;
        jobs[i].defaults(&v);
        assert_int_equal(jobs[i].ask(&v), DRAPE_OK);
        assert_null(jobs[i].rows(-1));
        for (int k = 0; (p = jobs[i].rows(k)) != NULL; k++) {
            assert_true(p->help && p->help[0]);
            assert_true(p->kind == DRAPE_OPTION_BOOL || p->value || p->choices);
            assert_false(p->required && p->unset);
            for (int n = 0; n < k; n++) {
                q = jobs[i].rows(n);
                assert_true(strcmp(p->name, q->name) != 0 && p->offset != q->offset);
            }
        }
    }
}

/* --- the server ------------------------------------------------------------------------------------ */

static bool serves(const dr_field *f, json_t *value)
{
    const dr_field one[] = {*f, {NULL}};
    char path[DR_FIELD_PATH] = "";
    json_t *body = json_pack("{s:o}", f->name, value), *out = NULL;
    dr_status st = dr_fields_read(one, body, &out, path);
    json_decref(body);
    json_decref(out);
    assert_true(st == DR_OK || st == DR_EINVAL);
    return st == DR_OK;
}

static json_t *number_of(const drape_option *p, double v)
{
    return p->kind == DRAPE_OPTION_NUMBER ? json_real(v) : json_integer((json_int_t)v);
}

/* Its own bounds are narrower; 0 may mean something to it that the library never hears of. */
static void check_own_bounds(const dr_field *f, const drape_option *p)
{
    if (!(f->max <= p->most && (f->min >= p->least || f->min == 0)))
        fail_msg("%s: %g to %g is more than the library takes", f->name, f->min, f->max);
}

static void try_field(const dr_field *f, const drape_option *p)
{
    bool own = f->min != 0 || f->max != 0;
    double least = own ? f->min : p->least, most = own ? f->max : p->most;
    double step = p->kind == DRAPE_OPTION_NUMBER ? 1e-9 * (most - least) : 1;
    if (own)
        check_own_bounds(f, p);
    assert_int_equal(serves(f, number_of(p, least)), !(own ? f->above : p->above));
    assert_true(serves(f, number_of(p, most)));
    assert_false(serves(f, number_of(p, least - step)) || serves(f, number_of(p, most + step)));
}

static void try_words(const dr_field *f, const drape_option *p)
{
    char words[256], *rest = NULL;
    snprintf(words, sizeof words, "%s", p->choices);
    for (char *w = strtok_r(words, "|", &rest); w; w = strtok_r(NULL, "|", &rest))
        assert_true(serves(f, json_string(w)));
    assert_false(serves(f, json_string("nonsense")) || serves(f, json_string("")));
}

static void the_server_takes_what_the_library_takes(void **state)
{
    int options = 0;
    (void)state;
    for (const dr_named_fields *t = dr_named_tables; t->name; t++)
        for (const dr_field *f = t->fields; f->name; f++) {
            const drape_option *p = dr_field_option(f);
            json_t *def = dr_field_default(f);
            if (def && !json_is_null(def))
                assert_true(serves(f, json_incref(def)));
            json_decref(def);
            options += p != NULL;
            if (p && is_number(p))
                try_field(f, p);
            else if (p && p->choices)
                try_words(f, p);
        }
    assert_true(options > 30);
}

static void settings_become_the_librarys_options(void **state)
{
    drape_tryon_options o = DRAPE_TRYON_DEFAULTS;
    drape_mask_options m = DRAPE_MASK_DEFAULTS;
    drape_train_options t;
    json_t *body =
        json_pack("{s:s, s:i, s:f, s:b, s:s, s:i, s:i, s:s, s:i, s:n}", "prompt", "coat", "steps", 7, "strength", 0.5,
                  "paste", 0, "scheduler", "lms", "seed", 12, "preview_every", 3, "sleeve", "short", "rank", 4, "eta");
    (void)state;
    dr_fields_take(dr_tryon_fields, body, &dr_tryon_job, &o);
    assert_string_equal(o.prompt, "coat");
    assert_string_equal(o.scheduler, "lms");
    assert_true(o.steps == 7 && o.strength == 0.5 && !o.paste && o.seed == 12 && o.callbacks.preview_every == 3);
    assert_true(o.guidance_scale == 7.5 && o.eta == 0); /* left as they were */
    dr_fields_take(dr_mask_fields, body, &dr_mask_job, &m);
    assert_true(m.sleeve == DRAPE_SLEEVE_SHORT && m.category == DRAPE_UPPER);
    drape_train_defaults(&t);
    dr_fields_take(dr_train_fields, body, &dr_train_job, &t);
    assert_true(t.lora_rank == 4 && t.max_train_steps == 7 && t.checkpointing_steps == 500);
    json_decref(body);
}

static int prepare(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/drape-test-XXXXXX");
    return !mkdtemp(folder) || drape_pipeline_load(&pipeline, MODEL, NULL) ||
           drape_warper_load(&warper, DR_SOURCE_DIR "/tests/golden/hr-viton/mtviton.safetensors",
                             DR_SOURCE_DIR "/tests/golden/hr-viton/gen.pth", NULL);
}

static int tidy(void **state)
{
    (void)state;
    drape_pipeline_free(pipeline);
    drape_warper_free(warper);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_taken_up_to_both_ends_and_no_further),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(memory_has_units),
        cmocka_unit_test(words_are_those_of_the_table),
        cmocka_unit_test(texts_that_must_be_given_are_missed),
        cmocka_unit_test(each_field_has_one_row_and_a_help),
        cmocka_unit_test(the_server_takes_what_the_library_takes),
        cmocka_unit_test(settings_become_the_librarys_options),
    };
    return cmocka_run_group_tests(tests, prepare, tidy);
}
