#!/usr/bin/env bash
# drape serve from outside: tests/serve/check_*.py on the built program.
#   test_serve.sh DRAPE
set -euo pipefail
drape=$(realpath "${1:?usage: test_serve.sh DRAPE}")
cd "$(dirname "$0")"
command -v python3 >/dev/null || { echo "serve: python3 is missing" >&2; exit 1; }
for check in check_*.py; do
    DRAPE=$drape python3 -B "$check"
done
