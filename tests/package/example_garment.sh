#!/usr/bin/env bash
# The garment example makes the picture that the program makes, and fails with one clear line where it must.
#   example_garment.sh EXAMPLE DRAPE
set -euo pipefail
example=$(realpath "${1:?usage: example_garment.sh EXAMPLE DRAPE}")
. "$(dirname "$0")/../cli/common.sh" "${2:?usage: example_garment.sh EXAMPLE DRAPE}"
export DRAPE_PARSER=$root/tests/data/colour-parser
set=$root/tests/golden/catvton
cp -r "$set/base" model
cp -r "$set/sd-vae-ft-mse" model/vae
mkdir model/CatVTON
cp -r "$set/CatVTON/tiny-4k-32" model/CatVTON/
png in/person.png 120 160 person

expect 0 'example.png' "$example" model in/person.png in/person.png example.png 2
"$drape" tryon --model model --image in/person.png --garment in/person.png --steps 2 --seed 1 -q -o drape.png >said 2>err ||
    fail "drape tryon does not do the same"
cmp example.png drape.png || fail "the example and drape tryon --garment give different files"
expect 2 'usage:' "$example" model
expect 1 'has no attention weights' "$example" "$set/base" in/person.png in/person.png r.png
expect 1 'nowhere.png' "$example" model in/person.png nowhere.png r.png
[ ! -e r.png ] || fail "a failure leaves a picture"
echo "example: works"
