/* One of several words, as options and fields have them. The words stand in one string: "upper|lower|dress". */
#ifndef DR_BASE_CHOICE_H
#define DR_BASE_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

/** Which of the words this is, from 0; -1 for none of them and for NULL. */
int dr_choice_index(const char *choices, const char *word);

bool dr_is_choice(const char *choices, const char *word);

/** The word number `index`, *n bytes without a 0 behind them; NULL where there is none. */
const char *dr_choice_word(const char *choices, int index, size_t *n);

/**
 * The words one after another: `*at` begins as the choices.
 *
 * @param word  the next one, *n bytes without a 0 behind them
 * @return false behind the last
 */
bool dr_choice_next(const char **at, const char **word, size_t *n);

#endif
