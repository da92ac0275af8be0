#!/usr/bin/env bash
# The man page names every command and every option that --help names, and roff has nothing to say against it.
#   man.sh DRAPE
set -euo pipefail
drape=${1:?usage: man.sh DRAPE}
page=$(mktemp)
trap 'rm -f "$page"' EXIT
scripts/man.sh "$drape" >"$page"
text=$(sed -e 's/\\-/-/g' -e 's/\\e/\\/g' -e 's/^\\&//' "$page")
for command in $("$drape" --help | awk '/^  / { print $1 }'); do
    while IFS= read -r line; do
        grep -qxF -- "$line" <<<"$text" || { echo "man: drape $command --help has a line the page has not: $line" >&2; exit 1; }
    done < <("$drape" "$command" --help | sed 1,2d)
done
if command -v groff >/dev/null; then
    faults=$(groff -man -Tascii -wall -z "$page" 2>&1) || true
    [ -z "$faults" ] || { echo "man: $faults" >&2; exit 1; }
fi
echo "man: says what --help says"
