#!/usr/bin/env bash
# The training of the small model's VAE from outside: stopped in every way, it goes on bit for bit.
#   mini_vae.sh MINI_VAE
set -euo pipefail
program=$(realpath "${1:?usage: mini_vae.sh MINI_VAE}")
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export DRAPE_CACHE_DIR=$dir/cache
cd "$dir"

fail() {
    echo "mini_vae: $*" >&2
    [ ! -s err ] || sed 's/^/    /' err >&2
    exit 1
}

mkdir -p photos/photos
cp "$root/examples/astronaut.jpg" photos/photos/1.jpg
cp "$root/examples/grace_hopper.jpg" photos/photos/2.jpg
cp "$root/examples/astronaut.jpg" photos/photos/3.jpg
echo '{"test_open": ["3"]}' >photos/splits.json
cat >vae.json <<'END'
{"_class_name": "AutoencoderKL", "block_out_channels": [8, 8, 16], "latent_channels": 4, "layers_per_block": 1,
 "mid_block_add_attention": false, "norm_num_groups": 4, "sample_size": 64, "scaling_factor": 1.0,
 "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
 "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}
END

train() { # OUT STEPS FLAGS...: becomes the program
    exec "$program" --photos photos --config vae.json --output "$1" --steps "$2" --batch 2 --crop 32 --frame 64 \
        --cool 0 --warmup 2 --look-size 64 --threads 1 "${@:3}" >"$1.out" 2>err
}
works() {
    (train "$@") || fail "'$*' failed"
}
refused() { # WORDS OUT STEPS FLAGS...
    ! (train "${@:2}") || fail "'${*:2}' is not refused"
    grep -qF -- "$1" err || fail "'${*:2}': '$1' is not said"
}
same() { # A B STEP: state and result
    local f
    for f in "checkpoint-$3"/{state.json,{diffusion_pytorch_model,optimizer,ema}.safetensors} \
        vae/{config.json,diffusion_pytorch_model.safetensors}; do
        cmp "$1/$f" "$2/$f" || fail "'$1' and '$2' differ in $f"
    done
    [ "$(ls -d "$2"/checkpoint-*)" = "$2/checkpoint-$3" ] || fail "'$2' keeps old checkpoints: $(ls "$2")"
}
# started OUT STEPS N FLAGS...: in the background, until the Nth step is done; its pid in $pid
started() {
    (train "$1" "$2" "${@:4}") &
    pid=$!
    for _ in $(seq 600); do
        grep -q "^step $3/" "$1.out" 2>/dev/null && return
        kill -0 $pid 2>/dev/null || fail "'$1' ended by itself"
        sleep 0.1
    done
    fail "'$1' makes no steps"
}
step_of() {
    basename "$(ls -d "$1"/checkpoint-*)" | sed 's/checkpoint-//'
}

# two sittings
works whole 4 --look-every 0
works halves 2 --look-every 0
works halves 4 --look-every 0 --resume
same whole halves 4
grep -q '"step":4' halves/train.jsonl && [ "$(wc -l <halves/train.jsonl)" = 4 ] || fail "the log is not whole"

# asked to stop: the step is finished, and kept
started term 1000000 2
kill -TERM $pid
got=0
wait $pid || got=$?
[ $got = 130 ] || fail "after SIGTERM the exit status is $got, not 130"
n=$(($(step_of term) + 2))
works term $n --resume
works straight $n
same straight term $n
[ -s "term/sheet-$(printf %06d $n).png" ] || fail "there is no sheet"

# killed: what the last checkpoint knew is not lost, what came after it is done again
started killed 1000000 3 --checkpoint-minutes 0 --look-every 0
kill -KILL $pid
wait $pid 2>/dev/null || true
n=$(($(ls -d killed/checkpoint-* | grep -v tmp | sed 's/.*-//' | sort -n | tail -1) + 2))
works killed $n --resume --look-every 0
[ -d "killed/checkpoint-$n" ] || fail "no checkpoint after step $n"
works again $n --look-every 0
cmp "killed/vae/diffusion_pytorch_model.safetensors" "again/vae/diffusion_pytorch_model.safetensors" ||
    fail "a killed run goes on differently"

# out of time: a result all the same
works brief 1000000 --minutes 0.0001
[ "$(step_of brief)" = 1 ] && [ -s brief/vae/config.json ] || fail "no result when the time is over"

# the decoder alone, with a critic: latents stay, the critic goes on too
rivals() { # OUT STEPS FLAGS...
    works "$@" --config whole/vae/config.json --init whole/vae --freeze-encoder --pull 0.5 --critic-warmup 1 --look-every 0
}
rivals contest 4
rivals pause 2
rivals pause 4 --resume
same contest pause 4
for f in critic optimizer; do
    cmp "contest/checkpoint-4/critic/$f.safetensors" "pause/checkpoint-4/critic/$f.safetensors" ||
        fail "a resumed critic differs in $f"
done
grep -q '"pull":0.[1-9]' contest/train.jsonl || grep -q '"critic"' contest/train.jsonl || fail "the log has no critic"
python3 - whole/vae contest/vae <<'END' || fail "the latents' weights have changed, or the decoder's have not"
import json, struct, sys
def tensors(folder):
    data = open(folder + "/diffusion_pytorch_model.safetensors", "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + n])
    head.pop("__metadata__", None)
    return {k: data[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]] for k, v in head.items()}
a, b = map(tensors, sys.argv[1:])
changed = {k.split(".")[0] for k in a if a[k] != b[k]}
sys.exit(not (changed and changed <= {"decoder", "post_quant_conv"}))
END

refused "add --resume" brief 3
refused 'made with lr = 0.0008, this run has 0.5' brief 3 --resume --lr 0.5
refused "no checkpoint" nothing 3 --resume
refused "do not divide" odd 3 --crop 36
refused "splits.json" brief 3 --resume --photos .
