#include "eval/named_colours.h"

#include <stddef.h>

const dr_named_colour *dr_named_colours(void)
{
    static const dr_named_colour colours[] = {{"black", NULL, {24, 23, 26}, 4},
                                              {"white", NULL, {238, 237, 234}, 4},
                                              {"grey", "gray", {130, 130, 132}, 4},
                                              {"red", NULL, {196, 32, 42}, 4},
                                              {"green", NULL, {48, 134, 62}, 4},
                                              {"blue", NULL, {40, 84, 180}, 4},
                                              {"yellow", NULL, {236, 204, 62}, 4},
                                              {"pink", NULL, {236, 148, 176}, 4},
                                              {"orange", NULL, {232, 122, 36}, 3},
                                              {"purple", NULL, {106, 52, 142}, 3},
                                              {"brown", NULL, {102, 66, 42}, 3},
                                              {"beige", "tan", {212, 192, 162}, 2},
                                              {"dark red", "burgundy", {110, 22, 36}, 1},
                                              {"dark green", NULL, {32, 70, 46}, 1},
                                              {"olive", "khaki", {108, 106, 58}, 1},
                                              {"light green", NULL, {160, 212, 166}, 1},
                                              {"teal", "turquoise", {24, 118, 120}, 1},
                                              {"light blue", "sky blue", {150, 188, 226}, 2},
                                              {"navy", "dark blue", {30, 36, 76}, 2},
                                              {"lilac", "violet", {188, 164, 212}, 1},
                                              {"magenta", "hot pink", {206, 40, 124}, 1},
                                              {"cream", "off-white", {240, 230, 208}, 1},
                                              {"dark grey", "charcoal", {72, 72, 75}, 1},
                                              {"light grey", "silver", {188, 188, 190}, 1},
                                              {NULL, NULL, {0}, 0}};
    return colours;
}
