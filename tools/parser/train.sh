#!/usr/bin/env bash
# Trains the clothes parser of models/mini/parser from scratch, and judges it: docs/parser.md.
#     tools/parser/train.sh DATA WORK [MODEL]
# DATA has photos/, parsing-18/ and splits.json; WORK keeps checkpoints and logs: run the same command again after an
# interruption, and it goes on from there. MODEL (default WORK/parser) becomes the parser's folder.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,5p' "$0" | cut -c3-; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
data=$(realpath "$1") work=$2 model=${3:-$2/parser}
build=${BUILD:-$here/../../build}
export OMP_WAIT_POLICY=passive # threads that wait sleep: other work on the machine costs little
cmake -S "$here/../.." -B "$build" -G Ninja >/dev/null
cmake --build "$build" --target parser_train parser_eval parser_label

stage() { # NAME OPTIONS...
    local out=$work/$1
    shift
    if grep -q "^done" "$out/finished" 2>/dev/null; then return; fi
    local resume=()
    compgen -G "$out/checkpoint-*" >/dev/null && resume=(--resume)
    "$build/parser_train" --data "$data" --config "$here/config.json" --out "$out" "$@" "${resume[@]}"
    echo "done" >"$out/finished"
}
folder() { # STAGE DIR: what a stage has learnt, as a parser folder
    mkdir -p "$2"
    cp "$here/config.json" "$here/preprocessor_config.json" "$work/$1/model.safetensors" "$2/"
}
# Small pictures first: the same number of photos costs a third of the time.
stage 1-small --size 160x224 --batch 16 --steps 4000 --learning-rate 2e-3 --lr-scheduler constant_with_warmup --seed 1
if [ ! -e "$work/more/splits.json" ]; then
    folder 1-small "$work/1-parser"
    "$build/parser_label" --data "$data" --model "$work/1-parser" --out "$work/more"
fi
stage 2-large --size 256x352 --batch 16 --steps 3400 --learning-rate 1.5e-3 --lr-scheduler cosine --seed 2 \
    --init "$work/1-small" --more "$work/more"

if [ ! -e "$work/more-2/splits.json" ]; then
    folder 2-large "$work/2-parser"
    "$build/parser_label" --data "$data" --model "$work/2-parser" --out "$work/more-2"
fi
stage 3-larger --size 288x416 --batch 16 --steps 1900 --learning-rate 1.2e-3 --lr-scheduler cosine --seed 3 \
    --init "$work/2-large" --more "$work/more-2"

folder 3-larger "$model"
"$build/parser_eval" --data "$data" --model "$model"
