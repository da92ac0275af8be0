/* What this build and this machine are. */
#ifndef DR_CLI_VERSION_H
#define DR_CLI_VERSION_H

#include <stdbool.h>

/** "drape 0.1.0" on stdout; or as JSON: with compiler, instruction set, backends, threads, and where the data lie. */
void dr_print_version(bool json);

#endif
