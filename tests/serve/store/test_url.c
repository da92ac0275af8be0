/* Which database a --store means; and that no message shows what may be a password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/store/db.h"
#include "serve/store/store.h"
#include "serve/store/url.h"

#include <stdlib.h>
#include <string.h>

static void folders_and_servers_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *folder;
        bool postgresql;
    } cases[] = {{NULL, NULL, false},
                 {"sqlite:", NULL, false},
                 {"sqlite://", NULL, false},
                 {"sqlite:data", "data", false},
                 {"sqlite://data", "data", false},
                 {"sqlite:///srv/drape", "/srv/drape", false},
                 {"postgresql://db/drape", NULL, true},
                 {"postgres://u:p@[::1]:5/d?sslmode=require", NULL, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dr_store_url u;
        assert_int_equal(dr_store_url_parse(cases[i].text, &u), DR_OK);
        assert_int_equal(u.postgresql, cases[i].postgresql);
        if (cases[i].folder)
            assert_string_equal(u.folder, cases[i].folder);
        else
            assert_null(u.folder);
    }
}

static void a_refusal_shows_no_password(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "postgresql:/u:hunter2@db/drape",
                                        "postgresq://u:hunter2@db/drape",
                                        "mysql://u:hunter2@db/drape",
                                        "host=db password=hunter2",
                                        "hunter2",
                                        "u:hunter2@db",
                                        "POSTGRESQL://u:hunter2@db/drape"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        dr_store_url u;
        assert_int_equal(dr_store_url_parse(wrong[i], &u), DR_EINVAL);
        assert_null(strstr(dr_error(), "hunter2"));
    }
}

/* Whether it is read, refused or not reached. */
static void a_server_s_url_is_shown_without_its_password(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "postgresql://u:hunter2@127.0.0.1:1/drape",          "postgresql://u:hunter2%@127.0.0.1:1/drape",
        "postgresql://u@127.0.0.1:1/drape?password=hunter2", "postgresql://u@127.0.0.1:1/drape?hunter2=1",
        "postgresql://u:hunter2@127.0.0.1:1x/drape",         "postgresql://u@[::1/drape?password=hunter2"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        dr_store *s;
        dr_store_patience(0);
        assert_int_not_equal(dr_store_open(&s, &(dr_store_options){.url = urls[i], .dir = "/nonexistent"}), DR_OK);
        assert_true(strlen(dr_error()) > 0);
        assert_null(strstr(dr_error(), "hunter2"));
    }
}

static void words_are_put_in_their_places(void **state)
{
    (void)state;
    static const char *const words[][2] = {{"$", "?"}, {"@now", "clock()"}, {NULL, NULL}};
    char *text = dr_db_words("SELECT @now-$1 WHERE a=$2 @nowhere @", words);
    assert_string_equal(text, "SELECT clock()-?1 WHERE a=?2 clock()here @");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_and_servers_are_told_apart),
        cmocka_unit_test(a_refusal_shows_no_password),
        cmocka_unit_test(a_server_s_url_is_shown_without_its_password),
        cmocka_unit_test(words_are_put_in_their_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
