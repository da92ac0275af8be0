#!/usr/bin/env bash
# The training example teaches a very small model, stops at Ctrl-C with a checkpoint, and goes on from it.
#   example_train.sh EXAMPLE DRAPE
set -euo pipefail
example=${1:?usage: example_train.sh EXAMPLE DRAPE}
drape=${2:?usage: example_train.sh EXAMPLE DRAPE}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
model=tests/golden/nano
export OMP_NUM_THREADS=1 # the model is too small for more

fail() {
    echo "example_train: $*" >&2
    sed 's/^/    /' "$dir/err" >&2
    exit 1
}

mkdir "$dir/images" "$dir/masks"
cp examples/astronaut.jpg "$dir/images/orange suit.jpg"
cp examples/astronaut_mask.png "$dir/masks/orange suit.png"
"$example" $model "$dir/images" "$dir/masks" "$dir/out" 1000000 32 >"$dir/stdout" 2>"$dir/err" &
pid=$!
until [ -s "$dir/out/logs/train.jsonl" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
kill -INT $pid
status=0
wait $pid || status=$?
[ $status = 130 ] || fail "exit status $status after Ctrl-C, not 130"
steps=$(($(wc -l <"$dir/out/logs/train.jsonl") + 1))
[ "$("$example" $model "$dir/images" "$dir/masks" "$dir/out" $steps 32 2>"$dir/err")" = \
    "$dir/out/pytorch_lora_weights.safetensors" ] || fail "did not go on"
grep -q "step $steps of $steps: loss" "$dir/err" || fail "no progress"
"$drape" tryon --model $model --lora "$dir/out/pytorch_lora_weights.safetensors" --image examples/grace_hopper.jpg \
    --mask examples/grace_hopper_mask.png --prompt "orange suit" --steps 2 --quiet -o "$dir/out.png" >/dev/null \
    2>"$dir/err" || fail "try-on with the result failed"

status=0
"$example" $model "$dir/images" "$dir/none" "$dir/out2" 2>"$dir/err" || status=$?
[ $status = 1 ] && grep -q "$dir/none" "$dir/err" || fail "exit status $status without masks"
status=0
"$example" $model 2>"$dir/err" || status=$?
[ $status = 2 ] && grep -q 'usage: ' "$dir/err" || fail "exit status $status without arguments"
echo "example_train: works"
