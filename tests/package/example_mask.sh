#!/usr/bin/env bash
# The mask example makes the mask that the program makes, and fails with one clear line where it must.
#   example_mask.sh EXAMPLE DRAPE
set -euo pipefail
example=$(realpath "${1:?usage: example_mask.sh EXAMPLE DRAPE}")
shift
. "$(dirname "$0")/../cli/common.sh"
export DRAPE_PARSER=$root/tests/data/colour-parser
png in/person.png 120 160 person
png in/plain.png 120 160 white

for category in upper lower dress outer; do
    expect 0 'Upper-clothes' "$example" in/person.png example.png $category
    [ "$(cat out)" = example.png ] || fail "says '$(cat out)' instead of the mask's name"
    "$drape" mask in/person.png -o drape.png --category $category -q >said 2>err || fail "drape mask failed"
    cmp example.png drape.png || fail "the example and drape mask give different masks for $category"
done
expect 0 'Upper-clothes' "$example" in/person.png example.png
"$drape" mask in/person.png -o drape.png -q >said 2>err || fail "drape mask failed"
cmp example.png drape.png || fail "the example has another category than drape mask without one"

refused 2 'usage: ' "$example" in/person.png
refused 2 'usage: ' "$example" in/person.png r.png hat
refused 1 'in/none.png' "$example" in/none.png r.png
refused 1 'in/plain.png' "$example" in/plain.png r.png
DRAPE_PARSER=nowhere refused 1 "'nowhere'" "$example" in/person.png r.png
echo "example_mask: works"
