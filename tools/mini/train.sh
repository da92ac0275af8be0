#!/usr/bin/env bash
# Trains the small model of models/mini from nothing: docs/mini.md.
#     tools/mini/train.sh DATA WORK
# DATA is laid out as tools/mini/wardrobe.h says; WORK keeps checkpoints and logs: run the same command again after an
# interruption, and it goes on from there. The model becomes WORK/model. PARSER (default models/mini/parser) labels
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
cmake --build "$build" --target mini_vae mini_unet mini_made parser_label
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
# Encoder and decoder, for likeness; then the decoder alone, for looks: latents stay what they are.
stage vae mini_vae --batch 6 --steps 12000 --cool 2500 --kl-weight 3e-3 --colour-weight 60 --vivid 0.6
stage decoder mini_vae --config "$work/vae/vae/config.json" --init "$work/vae/vae" --freeze-encoder --batch 6 \
    --steps 8000 --warmup 100 --cool 2000 --lr 5e-4 --ema-decay 0.995 --square-weight 2 --pull 0.5
# A denoiser that also walks its own four steps; then four steps that a critic likes.
stage unet mini_unet --labels "$work/labels" --vae "$work/decoder" --batch 16 --fresh 2 --walks 8 --steps 40000 \
    --cool 12000 --lr 6e-4
mkdir -p "$work/steps"
[ -e "$work/steps/pool.bin" ] || cp "$work/unet/pool.bin" "$work/steps/" # the same examples need no encoding again
stage steps mini_unet --labels "$work/labels" --vae "$work/decoder" --init "$work/unet/model" --freeze-text \
    --keep-base --batch 16 --fresh 2 --walks 16 --steps 12000 --warmup 100 --cool 4000 --lr 2e-4 --pull 0.7
# Last the decoder again, on what that net makes.
[ -e "$work/made.bin" ] || "$build/mini_made" --model "$work/steps/model" --photos "$data" --labels "$work/labels" \
    --output "$work/made.bin" --count 2400
stage paint mini_vae --config "$work/vae/vae/config.json" --init "$work/decoder/vae" --freeze-encoder --made "$work/made.bin" \
    --batch 6 --steps 8000 --warmup 100 --cool 2000 --lr 5e-4 --ema-decay 0.995 --square-weight 2 --pull 5 --critic-noise 0.1
if [ ! -e "$work/model" ]; then
    rm -rf "$work/model.new"
    cp -r "$work/steps/model" "$work/model.new"
    cp "$work/paint/vae/"* "$work/model.new/vae/"
    mv "$work/model.new" "$work/model"
fi
