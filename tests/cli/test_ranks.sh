#!/usr/bin/env bash
# Several ranks that train together (mpirun -n N drape train): the same as one with all their photos, whatever is trained;
# checkpoints that any number of ranks goes on from; ranks that differ, die, or have no room.
#   test_ranks.sh DRAPE [MPIRUN [MODULE]]
set -euo pipefail
drape=${1:?usage: $0 DRAPE [MPIRUN [MODULE]]}
mpirun=${2:-mpirun}
module=${3:-drape-mpi.so} # the one that is to be found for this launcher, beside the program
if ! command -v "$mpirun" >/dev/null || [ ! -e "$(dirname "$drape")/$module" ]; then
    echo "ranks: skipped, there is no MPI for $module (scripts/deps.sh mpi, or mpich)"
    exit 77
fi
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export DRAPE_CACHE_DIR=$dir/cache TMPDIR=$dir # where an MPI keeps its sockets
# In a container there is nobody but root; more ranks than cores are no matter here.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_hwloc_base_binding_policy=none OMP_WAIT_POLICY=passive OMP_NUM_THREADS=1
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 # an MPI's own
model=$root/tests/golden/nano

fail() {
    echo "ranks: $*" >&2
    [ ! -s err ] || sed 's/^/    /' err >&2
    exit 1
}
mkdir images masks
for n in 1 2 3 4; do
    photo=$([ $((n % 2)) = 1 ] && echo astronaut || echo grace_hopper)
    cp "$root/examples/$photo.jpg" "images/suit ($n).jpg"
    cp "$root/examples/${photo}_mask.png" "masks/suit ($n).png"
done
flags=(train --pretrained_model_name_or_path="$model" --instance_data_dir=images --instance_masks_data_dir=masks
    --resolution=32 --lr_warmup_steps=0 --learning_rate=1e-3 --seed=3 --threads=1 --quiet
    --adam_epsilon=1e-4) # with the usual one gradients that are next to nothing, and differ by rounding, count in full
ranks() { # N OUT FLAGS...
    local n=$1 out=$2
    shift 2
    if [ "$n" = 1 ]; then
        timeout 120 "$drape" "${flags[@]}" --output_dir="$out" "$@" >stdout 2>err
    else
        timeout 120 "$mpirun" -n "$n" "$drape" "${flags[@]}" --output_dir="$out" "$@" >stdout 2>err
    fi
}
works() {
    ranks "$@" || fail "'$*' failed"
}
refused() { # WORDS N OUT FLAGS...
    local words=$1
    shift
    if ranks "$@"; then fail "'$*' is not refused"; fi
    grep -q -- "$words" err || fail "'$*': '$words' is not said"
}
field() { # OUT NAME
    sed -n "s/.*\"$2\":\([-0-9.e]*\).*/\1/p" "$1/logs/train.jsonl"
}
close_by() { # A B [MOST]: the same losses and lengths of gradients, but for the order of sums
    local name
    for name in loss gradient_norm; do
        [ "$(field "$1" $name | wc -l)" = "$(field "$2" $name | wc -l)" ] || fail "'$1' and '$2' have not as many steps"
        paste <(field "$1" $name) <(field "$2" $name) | awk -v most="${3:-1e-5}" '
            {d = $1 - $2; if (d < 0) d = -d; if (d > most * $1) exit 1}' ||
            fail "$name of '$1' and '$2' differ: $(paste <(field "$1" $name) <(field "$2" $name))"
    done
}
near() { # A B [MOST]: the largest difference of weights
    python3 - "$@" <<'END'
import json, struct, sys
def read(folder):
    out = {}
    for name in ("unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors",
                 "pytorch_lora_weights.safetensors"):
        try:
            data = open(f"{folder}/{name}", "rb").read()
        except FileNotFoundError:
            continue
        n = struct.unpack("<Q", data[:8])[0]
        for key, t in json.loads(data[8:8 + n]).items():
            # what is added to all keys alike changes no attention: its gradient is rounding, which Adam blows up
            if key != "__metadata__" and t["dtype"] == "F32" and not key.endswith("k_proj.bias"):
                a, b = t["data_offsets"]
                out[name, key] = struct.unpack(f"<{(b - a) // 4}f", data[8 + n + a:8 + n + b])
    return out
a, b = read(sys.argv[1]), read(sys.argv[2])
most = float(sys.argv[3]) if len(sys.argv) > 3 else 2e-5
assert a and a.keys() == b.keys(), "other tensors"
far = max((max(abs(x - y) for x, y in zip(a[k], b[k])), k) for k in a)
assert far[0] <= most, f"{far[1]} differs by {far[0]}"
END
}
like() { # A B
    close_by "$@"
    near "$@" 2>err || fail "the weights of '$1' and '$2' differ"
}

# --- the same as one --------------------------------------------------------------------------------
steps=(--max_train_steps=50 --checkpointing_steps=25)
works 1 one "${steps[@]}" --train_batch_size=4
works 2 two "${steps[@]}" --train_batch_size=2
like one two
[ "$(cat stdout)" = two ] || fail "more than one rank says where the result is"
[ "$(wc -l <two/logs/train.jsonl)" = 50 ] || fail "not one line for each step"
[ -z "$(find two -name '*.tmp-*')" ] || fail "left behind: $(find two -name '*.tmp-*')"
diff <(cd one && find . -type f | sed 's/events.out.*/events/' | sort) \
    <(cd two && find . -type f | sed 's/events.out.*/events/' | sort) || fail "the results have other files"
works 2 again "${steps[@]}" --train_batch_size=2
cmp two/unet/diffusion_pytorch_model.safetensors again/unet/diffusion_pytorch_model.safetensors ||
    fail "the same run is not the same bits"
few=(--max_train_steps=6)
both() { # FLAGS...: by one with 4 photos a step, by 4, 2 or 3 ranks
    rm -rf a b
    works 1 a "${few[@]}" --train_batch_size=4 "$@"
    works 2 b "${few[@]}" --train_batch_size=2 "$@"
    close_by a b
    near a b "$most" 2>err || fail "'$*': the weights of one and of two ranks differ"
}
most=2e-5
both --lora_rank=2 --train_text_encoder
most=5e-4 # a sum that is another in its last bit may fall on the other side of a boundary between codes
both --use_8bit_adam --gradient_checkpointing
most=2e-5
both --use_ema --train_text_encoder --gradient_accumulation_steps=2
both --gradient_checkpointing --activation_memory=200K --snr_gamma=5
both --max_grad_norm=0.05 --scale_lr
both --with_prior_preservation --class_data_dir=classes --class_prompt=suit --num_class_images=3
works 4 c "${few[@]}" --train_batch_size=1
works 1 d "${few[@]}" --train_batch_size=4
like d c
works 2 wire "${few[@]}" --train_batch_size=2 --gradient_wire=bf16
close_by wire d 2e-2
! cmp -s wire/unet/diffusion_pytorch_model.safetensors d/unet/diffusion_pytorch_model.safetensors ||
    fail "--gradient_wire=bf16 changes nothing"

# Class images are shared out, and none is made twice.
works 1 p1 "${few[@]}" --with_prior_preservation --class_data_dir=classes1 --class_prompt=suit --num_class_images=3
works 2 p2 "${few[@]}" --with_prior_preservation --class_data_dir=classes2 --class_prompt=suit --num_class_images=3
diff -r classes1 classes2 || fail "class images differ"

# Pictures, photos that are held out, and the best model.
seen=(--validation_prompt=suit --validation_image="images/suit (1).jpg" --validation_mask="masks/suit (1).png"
    --validation_steps=3 --num_validation_images=3 --validation_split=0.5 --validation_metrics=colour --keep_best=loss)
works 1 v1 "${few[@]}" --train_batch_size=2 --use_ema "${seen[@]}"
works 2 v2 "${few[@]}" --train_batch_size=1 --use_ema "${seen[@]}"
diff <(cd v1 && find . -type f | sed 's/events.out.*/events/' | sort) \
    <(cd v2 && find . -type f | sed 's/events.out.*/events/' | sort) || fail "other pictures, or another best model"
diff <(grep held_out v1/logs/train.jsonl | grep -o '"step":[0-9]*') <(grep held_out v2/logs/train.jsonl | grep -o '"step":[0-9]*') ||
    fail "other looks"

# --- going on with any number -----------------------------------------------------------------------
half=(--max_train_steps=25 --checkpointing_steps=25 --use_ema)
whole=(--max_train_steps=50 --checkpointing_steps=25 --use_ema)
for how in "2 1 2" "1 2 4" "2 3 2" "2 2 2"; do
    read -r from to batch <<<"$how"
    rm -rf on
    works "$from" on "${half[@]}" --train_batch_size="$batch"
    cp -r on on-before
    works "$to" on "${whole[@]}" --train_batch_size="$batch" --resume_from_checkpoint=latest
    rm -rf ref on-before
    works 1 ref "${whole[@]}" --train_batch_size=4
    like ref on
done
refused 'train_batch_size = 4, this run has 6' 2 on --max_train_steps=60 --use_ema --train_batch_size=3 --resume_from_checkpoint=latest

# --- ranks that see different things ------------------------------------------------------------------
apart() { # WORDS COMMAND OF RANK 0 : COMMAND OF RANK 1
    local words=$1
    shift
    if timeout 60 "$mpirun" "$@" >stdout 2>err; then fail "'$words' is not refused"; fi
    grep -q -- "$words" err || fail "'$words' is not said"
    [ ! -e apart/checkpoint-1 ] || fail "trained all the same"
}
cp -r images other
printf x >>"other/suit (1).jpg" # which changes no pixel: what is compared is the file
own=(--output_dir=apart --max_train_steps=1)
apart 'ranks must have the same photos, masks and captions: rank 0 has 4 of hash' \
    -n 1 "$drape" "${flags[@]}" "${own[@]}" : -n 1 "$drape" "${flags[@]}" "${own[@]}" --instance_data_dir=other
apart 'ranks must have the same instruction set: rank 0 has baseline, rank 1 has .*pin .* DRAPE_ISA=avx2' \
    -n 1 env DRAPE_ISA=base "$drape" "${flags[@]}" "${own[@]}" : -n 1 "$drape" "${flags[@]}" "${own[@]}"
apart 'ranks must have the same options: .*seed 3.*seed 4' \
    -n 1 "$drape" "${flags[@]}" "${own[@]}" : -n 1 "$drape" "${flags[@]}" "${own[@]}" --seed=4
cp -rL "$model" another
python3 - another/unet/diffusion_pytorch_model.safetensors <<'END'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[-4] ^= 1
open(sys.argv[1], "wb").write(data)
END
apart 'ranks must have the same model' -n 1 "$drape" "${flags[@]}" "${own[@]}" : \
    -n 1 "$drape" "${flags[@]}" "${own[@]}" --pretrained_model_name_or_path=another

# --- ranks that stop ----------------------------------------------------------------------------------
long=(--max_train_steps=100000 --checkpointing_steps=10 --train_batch_size=2)
begin() { # OUT: in the background, until there is a checkpoint; `launcher` is mpirun
    "$mpirun" -n 2 "$drape" "${flags[@]}" --output_dir="$1" "${long[@]}" >stdout 2>err &
    launcher=$!
    for _ in $(seq 600); do
        [ ! -e "$1/checkpoint-10" ] || return 0
        sleep 0.1
    done
    fail "no checkpoint after a minute"
}
ends() { # SECONDS OUT: all of them
    local got=0
    for _ in $(seq $(($1 * 10))); do
        kill -0 "$launcher" 2>/dev/null || break
        sleep 0.1
    done
    ! kill -0 "$launcher" 2>/dev/null || fail "still there after $1 seconds"
    wait "$launcher" || got=$?
    # After Ctrl-C it is the launcher's: MPICH 4.0's is now and then 0 although all ranks gave 130.
    [ $got != 0 ] || { [ "$2" = stopped ] && [[ $module == *mpich* ]]; } || fail "ended as if all was well"
    ! pgrep -f "output_dir=$2 " >/dev/null || fail "a rank is left"
}
goes_on() { # OUT: whole checkpoints, and more steps by one
    local c last
    for c in "$1"/checkpoint-*; do
        [[ $c == *.tmp-* ]] || [ -s "$c/optimizer.safetensors" ] || fail "'$c' is not complete"
    done
    last=$(find "$1" -maxdepth 1 -name 'checkpoint-*' ! -name '*.tmp-*' | sed 's/.*-//' | sort -n | tail -1)
    works 1 "$1" --max_train_steps=$((last + 1)) --train_batch_size=2 --resume_from_checkpoint=latest
}
begin killed
kill -KILL "$(pgrep -f "output_dir=killed " | tail -1)"
ends 15 killed
goes_on killed

export OMPI_MCA_odls_base_sigkill_timeout=3 # that Open MPI waits until it kills
for whom in launcher launcher rank; do # Ctrl-C, or a signal to one rank
    rm -rf stopped
    begin stopped
    case $whom in
    launcher) kill -INT "$launcher" ;;
    rank) kill -INT "$(pgrep -f "output_dir=stopped " | tail -1)" ;;
    esac
    ends 15 stopped
    grep -q "drape train: stopped after step .* checkpoint written" err || fail "the checkpoint is not waited for"
done
unset OMPI_MCA_odls_base_sigkill_timeout
goes_on stopped

works 2 disk --max_train_steps=2 --checkpointing_steps=2
cp -r disk/checkpoint-2 before
cat >small <<END
#!/bin/sh
ulimit -f 200 # of the rank alone: an MPI has larger files of its own
exec "$drape" "\$@"
END
chmod +x small
if (drape=./small && export OMPI_MCA_btl=self,tcp UCX_TLS=tcp,self MPIR_CVAR_NOLOCAL=1 && ranks 2 disk --max_train_steps=8 --checkpointing_steps=4 --resume_from_checkpoint=latest); then
    fail "a full disk is no failure"
fi
grep -q "cannot write" err || fail "a full disk is not said"
grep -q "rank 0 on '.*' stopped: cannot write" err || fail "the other rank does not say why it stops"
diff -r before disk/checkpoint-2 || fail "the last checkpoint was touched"
[ ! -e disk/checkpoint-4 ] || fail "half a checkpoint"
works 2 disk --max_train_steps=8 --checkpointing_steps=4 --resume_from_checkpoint=latest

# --- without a module -----------------------------------------------------------------------------------
if DRAPE_MPI_MODULE=$dir/none.so ranks 2 none --max_train_steps=1; then fail "two ranks without a module"; fi
grep -q "none.so" err || fail "which module is missing is not said"
[ ! -e none/logs ] || fail "trained without the others"

# Another MPI's module would let every rank train by itself.
for other in "$(dirname "$drape")"/drape-mpi*.so; do
    [ "${other##*/}" != "$module" ] || continue
    if DRAPE_MPI_MODULE=$other ranks 2 none --max_train_steps=1; then fail "two ranks by ${other##*/}"; fi
    grep -q "started 2 processes, but .* of '$other' finds only this one" err || fail "that the launcher is another MPI's is not said"
    [ ! -e none/logs ] || fail "trained without the others"
done
echo "ranks: works"
