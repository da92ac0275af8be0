#!/usr/bin/env bash
# Fails when a C file is not as clang-format (.clang-format) would write it.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v clang-format >/dev/null || { echo "check_format: clang-format is missing" >&2; exit 1; }
git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror
