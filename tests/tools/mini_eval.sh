#!/usr/bin/env bash
# The judging of the small model from outside: figures of a model and its controls, a sheet, and a taught garment.
#   mini_eval.sh MINI_EVAL PARSER_LABEL DRAPE
set -euo pipefail
program=$(realpath "${1:?usage: mini_eval.sh MINI_EVAL PARSER_LABEL DRAPE}")
label=$(realpath "$2")
drape=$(realpath "$3")
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export DRAPE_CACHE_DIR=$dir/cache
cd "$dir"

fail() {
    echo "mini_eval: $*" >&2
    [ ! -s err ] || sed 's/^/    /' err >&2
    exit 1
}
figure() { # KEY NUMBER: of the controls the first is the photo itself
    grep -o "\"$1\": [-0-9.]*" out | sed -n "$2s/.*: //p"
}
between() { # KEY NUMBER LOW HIGH
    awk -v v="$(figure "$1" "$2")" -v low="$3" -v high="$4" 'BEGIN {exit !(v != "" && v >= low && v <= high)}' ||
        fail "$1 of column $2 is $(figure "$1" "$2"), expected $3 to $4"
}

# Two people whose cloth is compared with, one to be dressed; the parser labels them all.
mkdir -p data/photos
for i in 1 2 3; do cp "$root/examples/astronaut.jpg" data/photos/$i.jpg; done
echo '{"0": "null", "24": "jacket", "19": "hair", "41": "skin"}' >data/labels.json
echo '{"image_level": {"1": [0, 24], "2": [0, 24], "3": [0, 24]}}' >data/image_tags.json
"$label" --data data --model "$root/models/mini/parser" --out data 2>err || fail "parser_label failed"
echo '{"train": ["1", "2"], "test_open": ["3"]}' >data/splits.json
echo '{"pixel_level": {"1": [0, 24], "2": [0, 24], "3": [0, 24]}}' >data/image_tags.json

judge() {
    "$program" --photos data --model "$root/models/mini" --parser "$root/models/mini/parser" --threads 1 "$@" >out 2>err
}
refused() { # WORDS FLAGS...
    ! judge "${@:2}" || fail "'${*:2}' is not refused"
    grep -qF -- "$1" err || fail "'${*:2}': '$1' is not said"
}

# the model, then photos, recoloured, the VAE alone, and the real photos
judge --count 1 --real-photos 2 --controls --sheet sheet.png --json || fail "judging failed"
[ -s sheet.png ] || fail "there is no sheet"
for key in sharpness blotches; do
    between $key 2 0.7 1.1
    between $key 5 1 1
done
between agreement 1 0.2 1
between agreement 5 0.9 1 # its own labels
between frechet 1 0.01 1000
between colour 3 1 1
between seam 2 0.1 1.2

# a garment is learnt, and dressed in
mkdir -p sets/suit/images sets/suit/masks
cp "$root/examples/astronaut.jpg" "sets/suit/images/suit (1).jpg"
"$drape" mask "$root/examples/astronaut.jpg" --what garment --category outer --quiet -o "sets/suit/masks/suit (1).png" \
    2>err || fail "drape mask failed"
judge --fewshot sets --work work --train-steps 2 --train-batch-size 1 --fewshot-photos 1 || fail "teaching failed"
grep -q '^suit ' out && [ -s work/suit.png ] && [ -e work/suit/model_index.json ] || fail "nothing came of the teaching"

refused "belong together" --fewshot sets
refused "no-such-folder" --against no-such-folder --count 1 --real-photos 2
