#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "pipeline/folder.h"
#include "pipeline/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/"

static char folder[] = "/tmp/drape-test-XXXXXX";

static const char *at(const char *name)
{
    static char path[2][256];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void shell(const char *commands)
{
    char all[2000];
    snprintf(all, sizeof all, "cd '%s' && golden='%s' && { %s; }", folder, GOLDEN, commands);
    assert_int_equal(system(all), 0);
}

static dr_source *open_source(const char *path, const dr_source_options *o)
{
    dr_source *s;
    if (dr_source_open(&s, path, o))
        fail_msg("%s", dr_error());
    return s;
}

/* All parameters of the part under their names, added up. */
static double sum_of(const dr_source *s, const char *part)
{
    double sum = 0;
    dr_vae_model m = {0};
    assert_string_equal(part, "vae");
    if (dr_vae_load(&m, s))
        fail_msg("%s", dr_error());
    for (const dr_param *q = m.params.first; q; q = q->next)
        for (int64_t i = 0; i < dr_numel(&q->t); i++) {
            float v;
            dr_to_f32((const char *)q->t.data + (size_t)i * dr_dtype_size(q->t.dtype), q->t.dtype, &v, 1);
            sum += (double)v * (double)(i % 7 + 1);
        }
    dr_vae_unload(&m);
    return sum;
}

static void a_folder_answers_for_its_parts(void **state)
{
    (void)state;
    char where[PATH_MAX];
    json_t *j;
    dr_source *s = open_source(GOLDEN "nano", NULL);
    assert_string_equal(dr_source_path(s), GOLDEN "nano");
    assert_string_equal(dr_source_where(s, "unet", where, sizeof where), GOLDEN "nano/unet");
    assert_int_equal(dr_source_config(s, "vae", &j, where), DR_OK);
    assert_string_equal(where, GOLDEN "nano/vae/config.json");
    assert_true(json_integer_value(json_object_get(j, "latent_channels")) > 0);
    json_decref(j);
    assert_true(dr_source_has(s, "unet"));
    assert_false(dr_source_has(s, "unet_base"));
    dr_source_close(s);
}

static void another_vocabulary_takes_the_place_of_the_models(void **state)
{
    (void)state;
    dr_tokenizer *t;
    dr_clip_config text;
    dr_source *s = open_source(GOLDEN "nano", &(dr_source_options){.tokenizer = GOLDEN "clip-tokenizer"});
    assert_int_equal(dr_source_tokenizer(s, &t), DR_OK);
    int tokens = dr_tokenizer_vocab_size(t);
    dr_tokenizer_free(t);
    assert_int_equal(dr_text_config(&text, s), DR_OK);
    assert_int_equal(dr_source_copy(s, "tokenizer", at("out"), true), DR_OK);
    assert_int_equal(dr_tokenizer_load(&t, at("out/tokenizer")), DR_OK);
    assert_int_equal(dr_tokenizer_vocab_size(t), tokens);
    dr_tokenizer_free(t);

    text.vocab = tokens - 1;
    assert_int_equal(dr_tokenizer_open(&t, s, &text), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "its tokenizer has"));
    text.vocab = tokens;
    assert_int_equal(dr_tokenizer_open(&t, s, &text), DR_OK);
    dr_tokenizer_free(t);
    dr_source_close(s);
    shell("rm -rf out");
}

static void weights_under_a_pickles_name_are_copied_as_safetensors(void **state)
{
    (void)state;
    shell("cp -rL \"$golden/nano\" p && chmod -R u+w p && cd p/vae && "
          "mv diffusion_pytorch_model.safetensors diffusion_pytorch_model.bin");
    dr_source *a = open_source(GOLDEN "nano", NULL), *b = open_source(at("p"), NULL);
    double want = sum_of(a, "vae");
    assert_true(sum_of(b, "vae") == want);
    assert_int_equal(dr_source_copy(b, "vae", at("q"), true), DR_OK);
    assert_true(dr_exists(at("q/vae/diffusion_pytorch_model.safetensors")));
    assert_false(dr_exists(at("q/vae/diffusion_pytorch_model.bin")));
    dr_source *c = open_source(at("q"), &(dr_source_options){.unchecked = true});
    assert_true(sum_of(c, "vae") == want);
    dr_source_close(a);
    dr_source_close(b);
    dr_source_close(c);
    shell("rm -rf p q");
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_answers_for_its_parts),
        cmocka_unit_test(another_vocabulary_takes_the_place_of_the_models),
        cmocka_unit_test(weights_under_a_pickles_name_are_copied_as_safetensors),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
