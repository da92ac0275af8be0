#!/usr/bin/env bash
# drape train from outside: the field's command line, faults in the photos, interruptions of every kind, and every flag
# that changes what a step does, on a very small model.
#   test_train.sh DRAPE
set -euo pipefail
drape=${1:?usage: test_train.sh DRAPE}
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export DRAPE_CACHE_DIR=$dir/cache # its own: another process must not choose algorithms between two runs compared here
cd "$dir"
model=$root/tests/golden/nano

fail() {
    echo "train: $*" >&2
    [ ! -s err ] || sed 's/^/    /' err >&2
    exit 1
}

mkdir images masks
for n in 1 2; do
    photo=$([ $n = 1 ] && echo astronaut || echo grace_hopper)
    cp "$root/examples/$photo.jpg" "images/orange suit ($n).jpg"
    cp "$root/examples/${photo}_mask.png" "masks/orange suit ($n).png"
done

# One thread: on a busy machine the threads of very small products mostly wait for each other.
start() { # OUT FLAGS...: becomes the program
    local out=$1
    shift
    exec "$drape" train --pretrained_model_name_or_path="$model" --instance_data_dir=images \
        --instance_masks_data_dir=masks --output_dir="$out" --resolution=32 --lr_warmup_steps=0 --seed=3 \
        --threads=1 --quiet "$@" >stdout 2>err
}
train() { # OUT FLAGS...
    (start "$@")
}
works() { # OUT FLAGS...
    train "$@" || fail "'$*' failed"
}
refused() { # STATUS WORDS OUT FLAGS...: the words are said, and nothing is written
    local want=$1 words=$2 got=0
    shift 2
    train "$@" || got=$?
    [ "$got" = "$want" ] || fail "'$*': exit status $got, not $want"
    grep -q -- "$words" err || fail "'$*': '$words' is not said"
    [ ! -e "$1" ] || [ -e "$1/kept" ] || fail "'$*': wrote into '$1' in spite of that"
}
same() { # A B: the same trained weights, bit for bit
    local f n=0
    for f in unet/diffusion_pytorch_model.safetensors text_encoder/model.safetensors \
        pytorch_lora_weights.safetensors; do
        [ -e "$1/$f" ] || continue
        cmp "$1/$f" "$2/$f" || fail "'$1' and '$2' differ in $f"
        n=$((n + 1))
    done
    [ $n -gt 0 ] || fail "'$1' has no weights"
}
differ() { # A B
    ! cmp -s "$1/unet/diffusion_pytorch_model.safetensors" "$2/unet/diffusion_pytorch_model.safetensors" ||
        fail "'$1' and '$2' are the same, but should not be"
}
clean() { # OUT: nothing half written is left
    [ -z "$(find "$1" -name '*.tmp-*')" ] || fail "left behind: $(find "$1" -name '*.tmp-*')"
}
log() { # OUT FIELD FIRST LAST: the mean of a field over steps of train.jsonl
    sed -n "$3,$4s/.*\"$2\":\([-0-9.e]*\).*/\1/p" "$1/logs/train.jsonl" | awk '{s += $1} END {print s / NR}'
}
below() { # A B
    awk -v a="$1" -v b="$2" 'BEGIN {exit !(a < b)}'
}

# --- the field's own command ----------------------------------------------------------------------
"$drape" train --pretrained_model_name_or_path="$model" --instance_data_dir=images --instance_masks_data_dir=masks \
    --output_dir=out --train_text_encoder --resolution=32 --train_batch_size=1 --gradient_accumulation_steps=1 \
    --gradient_checkpointing --use_8bit_adam --learning_rate=2e-6 --lr_scheduler=constant --lr_warmup_steps=0 \
    --max_train_steps=4 --checkpointing_steps=2 >stdout 2>err || fail "the command failed"
[ "$(cat stdout)" = out ] || fail "stdout is not the output folder"
for f in model_index.json unet/config.json unet/diffusion_pytorch_model.safetensors text_encoder/model.safetensors \
    vae/diffusion_pytorch_model.safetensors tokenizer/merges.txt scheduler/scheduler_config.json contact-sheet.jpg \
    logs/train.jsonl checkpoint-2/state.json checkpoint-4/optimizer.safetensors; do
    [ -s "out/$f" ] || fail "no '$f' in the result"
done
compgen -G 'out/logs/events.out.tfevents.*' >/dev/null || fail "no TensorBoard events"
clean out
"$drape" tryon --model out --image "images/orange suit (1).jpg" --mask "masks/orange suit (1).png" \
    --prompt "orange suit" --steps 2 --threads 1 -q -o out.png >stdout 2>err || fail "try-on with the result failed"
[ -s out.png ] || fail "no picture"

# --- it learns ------------------------------------------------------------------------------------
# Noise, timesteps and crops follow from the seed alone, so a run at rate 0 meets the same ones with the untrained
# model. What a lucky draw gives to one it gives to the other.
works still --max_train_steps=60 --learning_rate=0
works moving --max_train_steps=60 --learning_rate=1e-3
below "$(log moving loss 51 60)" "$(awk "BEGIN {print 0.8 * $(log still loss 51 60)}")" ||
    fail "the loss on the same noise went from $(log still loss 51 60) to $(log moving loss 51 60) only"
below "$(log moving loss 51 60)" "$(log moving loss 1 10)" || fail "the loss did not go down"

# --- killed at any moment -------------------------------------------------------------------------
# Killed again and again: at random moments after the start, and at random moments of training, which with a checkpoint
# after each step are mostly inside the writing of one. What is there in the end is what an undisturbed run gives.
steps_in() { # OUT
    if [ -e "$1/logs/train.jsonl" ]; then wc -l <"$1/logs/train.jsonl"; else echo 0; fi
}
killed() { # OUT FLAGS...
    local i c pid until out=$1 survived=0
    for i in 1 2 3 4 5 6; do
        until=$(($(steps_in "$out") + i % 2 * (1 + RANDOM % 3)))
        start "$@" --resume_from_checkpoint=latest &
        pid=$!
        while [ "$(steps_in "$out")" -lt $until ] && kill -0 $pid 2>/dev/null; do sleep 0.01; done
        sleep "$(awk -v r=$RANDOM -v most=$((i % 2 ? 50 : 900)) 'BEGIN {print most * r / 32768 / 1000}')"
        kill -KILL $pid 2>/dev/null || true
        wait $pid 2>/dev/null && survived=$((survived + 1))
        for c in "$out"/checkpoint-*; do
            [[ $c == *.tmp-* || ! -d $c ]] || [ -s "$c/optimizer.safetensors" ] || fail "'$c' is not complete"
        done
    done
    echo "train: $out: $((6 - survived)) of 6 killed before the end, $(steps_in "$out") steps so far"
    [ $survived -lt 6 ] || fail "no run was killed before its end"
    mkdir -p "$out/checkpoint-1.tmp-abcdef" # as a run that was killed leaves it
    works "$@" --resume_from_checkpoint=latest
    clean "$out"
}
full=(--max_train_steps=24 --learning_rate=1e-3 --use_8bit_adam --train_text_encoder --gradient_checkpointing)
lora=(--max_train_steps=24 --learning_rate=1e-2 --lora_rank=2 --train_text_encoder)
works full "${full[@]}"
works lora "${lora[@]}"
killed full-killed "${full[@]}" --checkpointing_steps=1 --checkpoints_total_limit=2
killed lora-killed "${lora[@]}" --checkpointing_steps=1
same full full-killed
same lora lora-killed
[ "$(find full-killed -maxdepth 1 -name 'checkpoint-*' | wc -l)" = 2 ] || fail "--checkpoints_total_limit=2 kept others"
[ "$(wc -l <full-killed/logs/train.jsonl)" = 24 ] || fail "train.jsonl has not one line for each step"

# --- interrupted ----------------------------------------------------------------------------------
touch marker
long=(--max_train_steps=100000 --learning_rate=1e-3)
start int "${long[@]}" &
pid=$!
until [ -s int/logs/train.jsonl ] || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
kill -INT $pid
status=0
wait $pid || status=$?
[ $status = 130 ] || fail "exit status $status after Ctrl-C, not 130"
grep -q -- '--resume_from_checkpoint=latest' err || fail "how to resume is not said"
step=$(wc -l <int/logs/train.jsonl)
[ -s "int/checkpoint-$step/state.json" ] || fail "no checkpoint of step $step"
clean int
works int --max_train_steps=$((step + 1)) --learning_rate=1e-3 --resume_from_checkpoint=latest
[ "$(wc -l <int/logs/train.jsonl)" = $((step + 1)) ] || fail "did not go on behind step $step"

# --- what cannot be resumed, and what would be lost -----------------------------------------------
touch int/kept images/kept
refused 1 'seed = 3, this run has 4' int --max_train_steps=100000 --seed=4 --resume_from_checkpoint=latest
refused 1 'flip = false' int --max_train_steps=100000 --flip --resume_from_checkpoint=latest
refused 1 'has checkpoints of an earlier run' int --max_train_steps=9
refused 1 "no checkpoint 'checkpoint-99999'" int --max_train_steps=9 --resume_from_checkpoint=checkpoint-99999
refused 1 'raise --max_train_steps' int --max_train_steps=$((step - 1)) --resume_from_checkpoint="checkpoint-$step"
refused 1 'also the folder' images --max_train_steps=9
rm -f images/kept

mkdir -p old
cp -r "int/checkpoint-$step" old/
sed -i 's/"format": 2/"format": 1/' "old/checkpoint-$step/state.json"
touch old/kept
refused 1 'its format is 1, expected 2' old --max_train_steps=100000 --resume_from_checkpoint=latest

# --- damaged: what lies before it is named, and serves once the damaged one is gone -----------------
works damaged --max_train_steps=3 --checkpointing_steps=1
touch damaged/kept
for f in state.json optimizer.safetensors unet/diffusion_pytorch_model.safetensors; do
    cp "damaged/checkpoint-3/$f" whole
    for cut in 0 100; do
        head -c $cut whole >"damaged/checkpoint-3/$f"
        refused 1 "cannot resume from 'damaged/checkpoint-3'.*go on from 'damaged/checkpoint-2'" damaged \
            --max_train_steps=4 --resume_from_checkpoint=latest
        grep -q "$f" err || fail "'$f' is damaged, but not named"
    done
    cp whole "damaged/checkpoint-3/$f"
done
rm damaged/checkpoint-3/optimizer.safetensors
refused 1 "go on from 'damaged/checkpoint-2'" damaged --max_train_steps=4 --resume_from_checkpoint=latest
rm -r damaged/checkpoint-3
works damaged --max_train_steps=3 --checkpointing_steps=1 --resume_from_checkpoint=latest
works undamaged --max_train_steps=3
same damaged undamaged

# --- a full disk ----------------------------------------------------------------------------------
works disk --max_train_steps=2 --checkpointing_steps=2
cp -r disk/checkpoint-2 before
status=0
(ulimit -f 200 && train disk --max_train_steps=8 --checkpointing_steps=4 --resume_from_checkpoint=latest) || status=$?
[ $status = 1 ] || fail "exit status $status on a full disk, not 1"
grep -q 'cannot write' err || fail "a full disk is not said"
diff -r before disk/checkpoint-2 || fail "the last checkpoint was touched"
[ ! -e disk/checkpoint-4 ] || fail "half a checkpoint"
works disk --max_train_steps=8 --checkpointing_steps=4 --resume_from_checkpoint=latest
clean disk

# --- faults in the photos, all at once ------------------------------------------------------------
cp -r images images-good
cp -r masks masks-good
cp images/*1*.jpg images/alone.jpg
cp masks/*1*.png masks/orphan.png
cp images/*1*.jpg images/black.jpg
base64 -d >masks/black.png <<'PNG'
iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAADElEQVR4nGNgoA4AAABIAAEuuDx+AAAAAElFTkSuQmCC
PNG
cp images/*1*.jpg images/shape.jpg
cp masks/*2*.png masks/shape.png
refused 1 '4 faults' faults --max_train_steps=9
for words in "photo 'alone.jpg' has no mask" "mask 'orphan.png' has no photo" "mask 'black.png'.* black" \
    "mask 'shape.png' is 512x600"; do
    grep -q -- "$words" err || fail "'$words' is not said"
done
rm -r images masks
mv images-good images
mv masks-good masks
refused 1 'fp16 is for GPUs' fp16 --max_train_steps=9 --mixed_precision=fp16
refused 1 'must be a multiple of' odd --max_train_steps=9 --resolution=30
refused 1 'none.png' validation --max_train_steps=9 --validation_image=none.png --validation_mask=none.png
refused 2 'allowed is 0 to 0.9999999' beta --max_train_steps=9 --adam_beta1=1
refused 2 'allowed is 1e-30 to 1' epsilon --max_train_steps=9 --adam-epsilon 0
refused 2 'learning-rate' text --learning_rate=fast

# --- the same numbers by other ways ---------------------------------------------------------------
steps=(--max_train_steps=6 --learning_rate=1e-3 --train_text_encoder)
works plain "${steps[@]}"
works blocks "${steps[@]}" --gradient_checkpointing
works budget "${steps[@]}" --gradient_checkpointing --activation_memory=1GiB
works some "${steps[@]}" --gradient_checkpointing --activation_memory=200K
same plain blocks
same plain budget
same plain some
works coming "${steps[@]}" --gradient_checkpointing --max_grad_norm=0
works clipped "${steps[@]}" --max_grad_norm=1e9
same coming clipped
differ plain clipped
! grep -q gradient_norm coming/logs/train.jsonl || fail "a norm of gradients that are gone"

# However a step is cut into batches, its photos get the same noise.
close_by() { # A B: the same losses, but for rounding
    paste <(sed 's/.*"loss":\([-0-9.e]*\).*/\1/' "$1/logs/train.jsonl") \
        <(sed 's/.*"loss":\([-0-9.e]*\).*/\1/' "$2/logs/train.jsonl") |
        awk '{d = $1 - $2; if (d < 0) d = -d; if (d > 1e-4 * $1) exit 1}' ||
        fail "the losses of '$1' and '$2' differ: $(paste "$1/logs/train.jsonl" "$2/logs/train.jsonl")"
}
works one "${steps[@]}" --train_batch_size=2
works two "${steps[@]}" --gradient_accumulation_steps=2
close_by one two

# --- flags that change what a step does -----------------------------------------------------------
quick=(--max_train_steps=3 --learning_rate=1e-3)
works base "${quick[@]}"
for flags in --flip --snr_gamma=0.05 --noise_offset=0.1 --unmasked_loss_weight=0.1 --train_batch_size=2 \
    --gradient_accumulation_steps=2 '--scale_lr --gradient_accumulation_steps=2' --use_ema --resolution=64 \
    '--bucket --resolution=128' '--lr_scheduler=cosine' '--adam_weight_decay=1' '--instance_prompt=coat'; do
    rm -rf flagged
    # shellcheck disable=SC2086
    works flagged "${quick[@]}" $flags
    [ "$flags" = --flip ] || differ base flagged
    log flagged loss 1 3 | grep -q '^[0-9.]*$' || fail "'$flags': no loss"
done
rm -rf flagged
if train flagged "${quick[@]}" --mixed_precision=bf16; then
    [ -s flagged/model_index.json ] || fail "no result with bf16"
    differ base flagged
    paste <(log base loss 1 3) <(log flagged loss 1 3) |
        awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 0.01 * $1) exit 1 }' || fail "losses in bf16 are far from those in f32"
else
    grep -q 'this CPU has no bf16' err || fail "bf16 failed without saying why"
fi
rm -rf flagged
works flagged --num_train_epochs=3
[ "$(wc -l <flagged/logs/train.jsonl)" = 6 ] || fail "3 epochs of 2 photos are not 6 steps"

# The average of the weights is the result, and the course is the same without it.
works average "${quick[@]}" --use_ema --checkpointing_steps=3
cmp base/unet/diffusion_pytorch_model.safetensors average/checkpoint-3/unet/diffusion_pytorch_model.safetensors ||
    fail "--use_ema changes the course"
[ -s average/checkpoint-3/ema.safetensors ] || fail "no average in the checkpoint"

# The result as one file for other programs, with adapters merged; a second run replaces it.
works single "${quick[@]}" --save_single_file
works single/ "${quick[@]}" --save_single_file
same base single
works adapters "${quick[@]}" --lora_rank=2 --save_single_file
"$drape" convert -q single/single.safetensors single-back >stdout
"$drape" convert -q adapters/adapters.safetensors adapters-back >stdout
"$drape" convert -q --lora adapters "$model" merged >stdout
cmp single/unet/diffusion_pytorch_model.safetensors single-back/unet/diffusion_pytorch_model.safetensors ||
    fail "the single file is not the result"
cmp merged/unet/diffusion_pytorch_model.safetensors adapters-back/unet/diffusion_pytorch_model.safetensors ||
    fail "the single file is not the model with the adapters"

works prior "${quick[@]}" --with_prior_preservation --class_data_dir=classes --class_prompt=suit --num_class_images=2
[ "$(find classes -name 'class-*.png' | wc -l)" = 2 ] || fail "not two class images"
differ base prior
cp -r classes classes-before
works prior2 "${quick[@]}" --with_prior_preservation --class_data_dir=classes --class_prompt=suit --num_class_images=2
diff -r classes classes-before || fail "class images that were there were made again"
same prior prior2

works seen "${quick[@]}" --validation_prompt="orange suit" --validation_image="images/orange suit (1).jpg" \
    --validation_mask="masks/orange suit (1).png" --validation_steps=2 --num_validation_images=2
for f in step-000002-1 step-000002-2 step-000003-1 step-000003-2; do
    [ -s "seen/validation/$f.png" ] || fail "no validation picture $f"
done
[ "$(find seen/validation -type f | wc -l)" = 4 ] || fail "other validation pictures"
same base seen

echo "train: works"
