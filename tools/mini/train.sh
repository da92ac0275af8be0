#!/usr/bin/env bash
# Trains the small model of models/mini from nothing: docs/mini.md.
#     tools/mini/train.sh DATA WORK
# DATA is laid out as tools/mini/wardrobe.h says; WORK keeps checkpoints and logs: run the same command again after an
# interruption, and it goes on from there. The model becomes WORK/unet/model. PARSER (default models/mini/parser) labels
# the photos that people have not labelled.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,6p' "$0" | cut -c3-; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
root=$(realpath "$here/../..")
data=$(realpath "$1") work=$2
mkdir -p "$work"
work=$(realpath "$work")
build=${BUILD:-$root/build}
parser=${PARSER:-$root/models/mini/parser}
export OMP_WAIT_POLICY=passive                    # threads that wait sleep: other work on the machine costs little
export DRAPE_CACHE_DIR=${DRAPE_CACHE_DIR:-$work/cache} # the same algorithms at every resumption
cmake -S "$root" -B "$build" -G Ninja >/dev/null
cmake --build "$build" --target mini_vae mini_unet parser_label
cd "$root"

stage() { # NAME PROGRAM OPTIONS...
    local out=$work/$1 program=$build/$2
    shift 2
    [ ! -e "$out/finished" ] || return 0
    local resume=()
    compgen -G "$out/checkpoint-*" >/dev/null && resume=(--resume)
    "$program" --photos "$data" --output "$out" "$@" "${resume[@]}"
    touch "$out/finished"
}
if [ ! -e "$work/labels/splits.json" ]; then
    "$build/parser_label" --data "$data" --model "$parser" --out "$work/labels"
fi
stage vae mini_vae --steps 4050 --cool 2000
stage unet mini_unet --labels "$work/labels" --vae "$work/vae" --steps 24000 --cool 9000
