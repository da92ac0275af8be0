#!/usr/bin/env bash
# Trains a small net that dresses a person from one photo of a garment: docs/mini.md.
#     tools/mini/train_garment.sh DATA LABELS GARMENTS WORK
# DATA is laid out as tools/mini/wardrobe.h says, LABELS is parser_label's, GARMENTS as tools/mini/flats.h; WORK keeps
# checkpoints and logs: run the same command again after an interruption. The model becomes WORK/model.
set -euo pipefail
[ $# = 4 ] || { sed -n '2,5p' "$0" | cut -c3-; exit 2; }
root=$(realpath "$(dirname "$0")/../..")
data=$(realpath "$1") labels=$(realpath "$2") garments=$(realpath "$3") work=$4
mkdir -p "$work"
work=$(realpath "$work")
build=${BUILD:-$root/build}
export OMP_WAIT_POLICY=passive
export DRAPE_CACHE_DIR=${DRAPE_CACHE_DIR:-$work/cache}
cmake -S "$root" -B "$build" -G Ninja >/dev/null
cmake --build "$build" --target mini_unet mini_mean
cd "$root"

stage() { # NAME OPTIONS...
    local out=$work/$1
    shift
    [ ! -e "$out/finished" ] || return 0
    local resume=()
    compgen -G "$out/checkpoint-*" >/dev/null && resume=(--resume)
    "$build/mini_unet" --photos "$data" --labels "$labels" --garments "$garments" --vae models/mini \
        --arch tools/mini/arch_garment.json --output "$out" --threads "${THREADS:-0}" "$@" "${resume[@]}"
    touch "$out/finished"
}
# It begins as the small model's own denoiser, without words; what it sees in the hole is the garment's cloth, laid there.
mkdir -p "$work/begin"
[ -e "$work/begin/unet" ] || cp -r models/mini/unet_base "$work/begin/unet"
one_step=(--fresh 1 --pool 3000 --walk-steps 1 --ema-decay 0.998 --outside-weight 0.05 --warmup 50)
# From pure noise in one step, small pictures first: the cloth's colours and where it ends.
stage small --init "$work/begin" --grow --size 128 --batch 16 --walks 15 --lr 5e-4 --steps 1200 "${one_step[@]}"
# The size that pictures have: prints and stripes.
stage large --init "$work/small/model" --batch 6 --walks 5 --lr 4e-4 --steps 1100 --cool 200 "${one_step[@]}"
# Against a critic of latents: edges, and cloth that is not woolly.
stage critic --init "$work/large/model" --batch 6 --walks 5 --lr 2.5e-4 --steps 3100 --cool 0 --pull 1 --critic-warmup 60 \
    "${one_step[@]}"
# The error is that of 2x2 latents together, and what lies in them is the critic's: weave, and folds that are not smeared.
free=(--init "$work/critic/model" --batch 6 --walks 5 --lr 2.5e-4 --pull 1.5 --walk-patch 2 --critic-warmup 60 "${one_step[@]}")
stage last --steps 2300 --cool 900 "${free[@]}"
# Gone on with, it has smoother edges, but small checks run together. The mean of both has the one and not the other.
[ -e "$work/longer" ] || { cp -r "$work/last" "$work/longer.new" && rm "$work/longer.new/finished" && mv "$work/longer.new" "$work/longer"; }
stage longer --steps 4250 --cool 700 "${free[@]}"
[ -e "$work/model" ] || cp -r "$work/last/model" "$work/model"
for weights in unet/diffusion_pytorch_model attention/model; do
    "$build/mini_mean" "$work/last/model/$weights.safetensors" "$work/longer/model/$weights.safetensors" "$work/model/$weights.safetensors"
done
