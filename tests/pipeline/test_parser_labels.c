/* Class names of published sets, as their config.json or papers spell them. */
#include "pipeline/parser_labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

typedef struct expected {
    const char *name;
    int class;
} expected;

#define KNOWN(set) assert_known(set, sizeof set / sizeof *set)

static void assert_known(const expected *e, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (dr_class_named(e[i].name) != e[i].class)
            fail_msg("'%s' is %d, expected %d", e[i].name, dr_class_named(e[i].name), e[i].class);
}

static void our_own_names_are_our_labels(void **state)
{
    (void)state;
    for (int i = 0; i < DR_LABELS; i++)
        assert_int_equal(dr_class_named(dr_label_name(i)), i);
}

static void the_names_of_lip_and_cihp_are_known(void **state)
{
    static const expected names[] = {{"Glove", DR_LABEL_LEFT_ARM},        {"Coat", DR_LABEL_UPPER},
                                     {"Socks", DR_LABEL_LEFT_LEG},        {"Jumpsuits", DR_LABEL_DRESS},
                                     {"Upper-clothes", DR_LABEL_UPPER},   {"Torso-skin", DR_CLASS_TORSO},
                                     {"Right-shoe", DR_LABEL_RIGHT_SHOE}, {"upperclothes", DR_LABEL_UPPER},
                                     {"RIGHT_ARM", DR_LABEL_RIGHT_ARM},   {"left leg", DR_LABEL_LEFT_LEG}};
    (void)state;
    KNOWN(names);
}

static void the_names_of_fashionpedia_are_known(void **state)
{
    static const expected names[] = {
        {"unlabelled", DR_LABEL_BACKGROUND},
        {"shirt, blouse", DR_LABEL_UPPER},
        {"top, t-shirt, sweatshirt", DR_LABEL_UPPER},
        {"sweater", DR_LABEL_UPPER},
        {"cardigan", DR_LABEL_UPPER},
        {"jacket", DR_LABEL_UPPER},
        {"vest", DR_LABEL_UPPER},
        {"pants", DR_LABEL_PANTS},
        {"shorts", DR_LABEL_PANTS},
        {"skirt", DR_LABEL_SKIRT},
        {"coat", DR_LABEL_UPPER},
        {"dress", DR_LABEL_DRESS},
        {"jumpsuit", DR_LABEL_DRESS},
        {"cape", DR_LABEL_UPPER},
        {"glasses", DR_LABEL_SUNGLASSES},
        {"hat", DR_LABEL_HAT},
        {"headband, head covering, hair accessory", DR_LABEL_HAT},
        {"tie", DR_CLASS_UPPER_PART},
        {"glove", DR_LABEL_LEFT_ARM},
        {"watch", DR_LABEL_LEFT_ARM},
        {"belt", DR_LABEL_BELT},
        {"leg warmer", DR_LABEL_LEFT_LEG},
        {"tights, stockings", DR_LABEL_LEFT_LEG},
        {"sock", DR_LABEL_LEFT_LEG},
        {"shoe", DR_LABEL_LEFT_SHOE},
        {"bag, wallet", DR_LABEL_BAG},
        {"scarf", DR_LABEL_SCARF},
        {"umbrella", DR_LABEL_BACKGROUND},
        {"hood", DR_CLASS_UPPER_PART},
        {"collar", DR_CLASS_UPPER_PART},
        {"lapel", DR_CLASS_UPPER_PART},
        {"epaulette", DR_CLASS_UPPER_PART},
        {"sleeve", DR_CLASS_UPPER_PART},
        {"pocket", DR_CLASS_ANY_PART},
        {"neckline", DR_CLASS_UPPER_PART},
        {"buckle", DR_CLASS_ANY_PART},
        {"zipper", DR_CLASS_ANY_PART},
        {"applique", DR_CLASS_ANY_PART},
        {"bead", DR_CLASS_ANY_PART},
        {"bow", DR_CLASS_ANY_PART},
        {"flower", DR_CLASS_ANY_PART},
        {"fringe", DR_CLASS_ANY_PART},
        {"ribbon", DR_CLASS_ANY_PART},
        {"rivet", DR_CLASS_ANY_PART},
        {"ruffle", DR_CLASS_ANY_PART},
        {"sequin", DR_CLASS_ANY_PART},
        {"tassel", DR_CLASS_ANY_PART},
    };
    (void)state;
    KNOWN(names);
}

static void the_names_of_fashn_and_of_body_part_sets_are_known(void **state)
{
    static const expected names[] = {{"background", DR_LABEL_BACKGROUND},
                                     {"face", DR_LABEL_FACE},
                                     {"hair", DR_LABEL_HAIR},
                                     {"top", DR_LABEL_UPPER},
                                     {"dress", DR_LABEL_DRESS},
                                     {"skirt", DR_LABEL_SKIRT},
                                     {"pants", DR_LABEL_PANTS},
                                     {"belt", DR_LABEL_BELT},
                                     {"bag", DR_LABEL_BAG},
                                     {"hat", DR_LABEL_HAT},
                                     {"scarf", DR_LABEL_SCARF},
                                     {"glasses", DR_LABEL_SUNGLASSES},
                                     {"arms", DR_LABEL_LEFT_ARM},
                                     {"hands", DR_LABEL_LEFT_ARM},
                                     {"legs", DR_LABEL_LEFT_LEG},
                                     {"feet", DR_LABEL_LEFT_SHOE},
                                     {"torso", DR_CLASS_TORSO},
                                     {"jewelry", DR_LABEL_BACKGROUND},
                                     {"torso region", DR_CLASS_TORSO},
                                     {"Upper-Arms", DR_LABEL_LEFT_ARM},
                                     {"lower legs", DR_LABEL_LEFT_LEG},
                                     {"Head", DR_LABEL_FACE},
                                     {"right hand", DR_LABEL_RIGHT_ARM},
                                     {"long_sleeve_outwear", DR_LABEL_UPPER}};
    (void)state;
    KNOWN(names);
}

static void what_is_none_of_them_is_unknown(void **state)
{
    static const char *const names[] = {"",
                                        " ",
                                        "wall",
                                        "LABEL_4",
                                        "skin",
                                        "sky",
                                        "s",
                                        ",",
                                        ",,,",
                                        "topology",
                                        "upper-",
                                        "-",
                                        ("a name that is much longer than any that a data set has ever had, in one "
                                         "sentence without an end, so that it has to be cut off somewhere")};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (dr_class_named(names[i]) != (names[i][0] == 'u' ? DR_LABEL_UPPER : DR_CLASS_UNKNOWN))
            fail_msg("'%s' is %d", names[i], dr_class_named(names[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_names_are_our_labels),
        cmocka_unit_test(the_names_of_lip_and_cihp_are_known),
        cmocka_unit_test(the_names_of_fashionpedia_are_known),
        cmocka_unit_test(the_names_of_fashn_and_of_body_part_sets_are_known),
        cmocka_unit_test(what_is_none_of_them_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
