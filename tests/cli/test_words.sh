#!/bin/bash
# What is said of words, adapters and models: nothing that changes the picture goes by in silence.
. "$(dirname "$0")/common.sh"

png in/p.png 48 40 photo
png in/m.png 48 40 box
tryon=("$drape" tryon --model "$model" --image in/p.png --mask in/m.png --steps 1 --seed 1 -q -o r.png)
word=$(printf 'word %.0s' $(seq 75))

expect 0 "this end of it is cut off: 'a red silk blouse'" "${tryon[@]}" --prompt "$word a red Silk blouse"
expect 0 "the negative prompt is longer than the 75 tokens" "${tryon[@]}" --prompt x --negative-prompt "$word blurry"
expect 0 "" "${tryon[@]}" --prompt "$word"
! grep -q "cut off" err || fail "75 tokens are called too long"
cp r.png short.png
expect 0 "" "${tryon[@]}" --prompt "$word a red silk blouse" --long-prompt
! grep -q "cut off" err || fail "--long-prompt cuts"
refused 1 "more than 32 chunks" "${tryon[@]}" --long-prompt --prompt "$(printf 'BREAK %.0s' $(seq 40))"

# a model that is no model
pointer='version https://git-lfs.github.com/spec/v1
oid sha256:4f0c8c7d4d7c7f1f8d3a4e1c5a1b2c3d4e5f60718293a4b5c6d7e8f901234567
size 3438167540'
cp -RL "$model" lfs
echo "$pointer" >lfs/unet/diffusion_pytorch_model.safetensors
expect 1 "it is a git-lfs pointer and not the file of 3438167540 bytes itself; run 'git lfs pull'" \
    "${tryon[@]/$model/lfs}" --prompt x
echo "$pointer" >coat.safetensors
refused 1 "it is a git-lfs pointer" "${tryon[@]}" --prompt x --lora coat.safetensors
echo '<!DOCTYPE html><html>' >page.safetensors
refused 1 "it is a web page" "${tryon[@]}" --prompt x --lora page.safetensors
mkdir -p models--x--y/snapshots/0badc0de
refused 1 "pass 'models--x--y/snapshots/0badc0de'" "${tryon[@]/$model/models--x--y}" --prompt x
refused 1 "is the folder of a whole model and no LoRA" "${tryon[@]}" --prompt x --lora "$model"
mkdir lora
refused 1 "there is no LoRA in folder 'lora'" "${tryon[@]}" --prompt x --lora lora

# names that look alike pair
mkdir photos masks
cp in/p.png "photos/$(printf 'cafe\xcc\x81').png"
cp in/m.png "masks/$(printf 'caf\xc3\xa9').png"
expect 0 "" "$drape" tryon --model "$model" --image photos/*.png --mask masks --prompt x --steps 1 -q -o r.png

# what is taught is said
train=("$drape" train --pretrained_model_name_or_path "$model" --instance_data_dir photos --instance_masks_data_dir masks
    --output_dir o --resolution 32 --max_train_steps 1 --lora_rank 2 -q)
echo "$word a red silk blouse" >"photos/$(printf 'caf\xc3\xa9').Caption"
cp in/p.png photos/IMG_0001.png
cp in/m.png masks/IMG_0001.png
expect 0 "the prompts that are taught:" "${train[@]}"
grep -qF "'IMG' of 'IMG_0001.png', from file name" err || fail "the prompts are not shown"
grep -qF "'IMG', which says nothing of the garment" err || fail "a camera's name is not told"
grep -qF "this end of it is not taught: 'a red silk blouse'" err || fail "the cut of a caption is not told"
