#!/usr/bin/env bash
# include/drape.h compiles alone, in C and, where there is a compiler for it, in C++.
#   header.sh C_COMPILER
set -euo pipefail
cc=${1:?usage: header.sh C_COMPILER}
source='#include "drape.h"
int main(void) { drape_tryon_options o = DRAPE_TRYON_DEFAULTS; return o.steps - 50; }'
warnings="-Wall -Wextra -Wstrict-prototypes -pedantic -Werror -fsyntax-only -Iinclude"
# shellcheck disable=SC2086 # meant to be split into words
for std in c99 c11 c17; do
    echo "$source" | "$cc" -x c -std=$std $warnings -
done
for cxx in c++ g++ clang++; do
    command -v $cxx >/dev/null || continue
    echo '#include "drape.h"' | $cxx -x c++ -std=c++11 -Wall -Wextra -pedantic -Werror -fsyntax-only -Iinclude -
    echo "$source" | $cxx -x c++ -std=c++20 -Wall -Wextra -Wno-missing-field-initializers -Werror -fsyntax-only -Iinclude -
    echo "header: C, and C++ with $cxx"
    exit 0
done
echo "header: C (no C++ compiler here)"
