#!/usr/bin/env bash
# A tensor's values are touched by rows of the table of ops alone: dressing, parsing and training run with values in memory that
# nobody else can read (DRAPE_BACKEND=far), and end in the same bytes.
#   test_far.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"
export OMP_NUM_THREADS=2 DRAPE_TUNE=off

# both NAME COMMAND...: with OUT in its arguments replaced by near/NAME and far/NAME
mkdir near far
both() {
    local where name=$1
    shift
    for where in near far; do
        local backend=auto
        [ $where = near ] || backend=far
        DRAPE_BACKEND=$backend "${@//OUT/$where/$name}" >out 2>err || fail "'$*' fails with values $where"
    done
}
same() {
    cmp "near/$1" "far/$1" || fail "'$1' differs with values out of reach"
}

mkdir images masks
cp "$root/examples/astronaut.jpg" images/a.jpg
cp "$root/examples/astronaut_mask.png" masks/a.png
png person.png 96 128 person
train=("$drape" train --pretrained_model_name_or_path="$model" --instance_data_dir=images
    --instance_masks_data_dir=masks --instance_prompt=coat --output_dir=OUT --resolution=32 --seed=3 --threads=1
    --quiet)

both lora "${train[@]}" --lora_rank=2 --max_train_steps=1
same lora/pytorch_lora_weights.safetensors
both come "${train[@]}" --gradient_checkpointing --max_grad_norm=0 --max_train_steps=1
same come/unet/diffusion_pytorch_model.safetensors
# a run that goes on reads its moments and its average back
both all "${train[@]}" --train_text_encoder --use_ema --use_8bit_adam --snr_gamma=5 --max_train_steps=1 \
    --checkpointing_steps=1
both all "${train[@]}" --train_text_encoder --use_ema --use_8bit_adam --snr_gamma=5 --max_train_steps=2 \
    --resume_from_checkpoint=latest
same all/unet/diffusion_pytorch_model.safetensors
same all/text_encoder/model.safetensors

both dressed.png "$drape" tryon --model "$model" --image images/a.jpg --mask masks/a.png --prompt coat --steps 2 --seed 3 \
    --size 64x64 --lora near/lora --quiet -o OUT
same dressed.png
for parser in "$root/tests/data/colour-parser" "$root/models/mini/parser"; do
    both mask.png "$drape" mask person.png --parser "$parser" --category upper -o OUT
    same mask.png
done
