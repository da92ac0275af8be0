#!/usr/bin/env bash
# The parser's training from outside: stopped in every way, it goes on bit for bit, and what comes out is a parser.
#   parser_train.sh DRAPE PARSER_TRAIN PARSER_LABEL
set -euo pipefail
program=$(realpath "${2:?usage: parser_train.sh DRAPE PARSER_TRAIN PARSER_LABEL}")
label=$(realpath "$3")
. "$(dirname "$0")/../cli/common.sh"
export OMP_WAIT_POLICY=passive

mkdir -p data/photos
for i in 1 2; do png data/photos/$i.jpg 160 200 person; done # what a file is says its content
echo '{"0": "null", "24": "jacket", "6": "pants"}' >data/labels.json
echo '{"image_level": {"1": [0, 24, 6], "2": [0, 24, 6]}}' >data/image_tags.json
"$label" --data data --model "$root/tests/data/colour-parser" --out data 2>err || fail "parser_label failed"
echo '{"train": ["1", "2"], "test_open": ["2"]}' >data/splits.json

train() { # OUT STEPS FLAGS...: becomes the program
    exec "$program" --data data --config "$root/tests/golden/clothes-nano/config.json" --out "$1" --steps "$2" --batch 2 \
        --size 64x64 --lr-scheduler constant "${@:3}" >"$1.out" 2>err
}
works() {
    (train "$@") || fail "'$*' failed"
}
stopped_by() { # WORDS OUT STEPS FLAGS...
    ! (train "${@:2}") || fail "'${*:2}' is not refused"
    grep -qF -- "$1" err || fail "'${*:2}': '$1' is not said"
}
same() { # A B STEP: state and result
    local f
    for f in "checkpoint-$3"/{state.json,{model,optimizer,ema}.safetensors} model.safetensors; do
        cmp "$1/$f" "$2/$f" || fail "'$1' and '$2' differ in $f"
    done
    [ "$(ls -d "$2"/checkpoint-*)" = "$2/checkpoint-$3" ] || fail "'$2' keeps old checkpoints: $(ls "$2")"
}

# two sittings
works whole 4
works halves 2
works halves 4 --resume
same whole halves 4

# asked to stop: the step is finished, and kept
(train term 1000000 --save-minutes 0) &
pid=$!
for _ in $(seq 600); do
    ! compgen -G 'term/checkpoint-*/state.json' >/dev/null || break
    kill -0 $pid 2>/dev/null || fail "'term' ended by itself"
    sleep 0.1
done
kill -TERM $pid
got=0
wait $pid || got=$?
[ $got = 130 ] || fail "after SIGTERM the exit status is $got, not 130"
n=$(($(basename "$(ls -d term/checkpoint-*)" | sed 's/checkpoint-//') + 1))
works term $n --resume
works straight $n
same straight term $n

stopped_by "add --resume" whole 5
stopped_by "made with learning_rate = 0.002, this run has 0.1" whole 5 --resume --learning-rate 0.1
stopped_by "no checkpoint" nothing 3 --resume
stopped_by "multiples of" odd 3 --size 65x64
stopped_by "there is no learning-rate schedule" steep 3 --lr-scheduler steep

# what is learnt is a parser, and what another training starts from
works further 1 --init whole
mkdir parser
cp "$root"/tests/golden/clothes-nano/*.json whole/model.safetensors parser/
"$drape" info parser >/dev/null 2>err || fail "what is learnt is no parser"
