#!/usr/bin/env bash
# drape train --garment_pairs from outside, on a very small model: what learns and what it becomes, interruptions, faults
# in the pairs, options that do not go together, and every way in which pairs may lie in a folder.
#   test_pairs.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"

mkdir -p pairs/person pairs/mask pairs/garment
for n in 1 2 3; do
    png "pairs/person/p ($n).png" $((50 + 10 * n)) 90 photo
    png "pairs/mask/p ($n).png" $((50 + 10 * n)) 90 box
    png "pairs/garment/p ($n).png" 70 $((40 + 9 * n)) photo
done

# One thread: those of very small products mostly wait for each other.
start() { # OUT FLAGS...: becomes the program
    exec "$drape" train --pretrained_model_name_or_path="$model" --garment_pairs=pairs --size=24x32 --output_dir="$1" \
        --lr_warmup_steps=0 --seed=3 --threads=1 --quiet "${@:2}"
}
train() { # OUT FLAGS...
    (start "$@") >stdout 2>err
}
works() { # OUT FLAGS...
    train "$@" || fail "'$*' failed"
}
refuses() { # STATUS WORDS OUT FLAGS...: the words are said, and nothing is written
    local got=0
    train "${@:3}" || got=$?
    [ "$got" = "$1" ] || fail "'${*:3}': exit status $got, not $1"
    grep -qF -- "$2" err || fail "'${*:3}': '$2' is not said"
    [ ! -e "$3" ] || fail "'${*:3}': wrote into '$3' in spite of that"
}
attention=attention/model.safetensors
unet=unet/diffusion_pytorch_model.safetensors
same() { # A B FILE
    cmp "$1/$3" "$2/$3" || fail "'$1' and '$2' differ in $3"
}
differ() { # A B
    [ -s "$1/$attention" ] && [ -s "$2/$attention" ] || fail "'$1' or '$2' has no attention"
    ! cmp -s "$1/$attention" "$2/$attention" || fail "'$1' and '$2' are the same, but should not be"
}
loss() { # OUT FIRST LAST: the mean over steps
    sed -n "$2,$3s/.*\"loss\":\([-0-9.e]*\).*/\1/p" "$1/logs/train.jsonl" | awk '{s += $1} END {print s / NR}'
}
names() { # FILE: of its tensors, with shapes
    python3 -c 'import json, struct, sys
f = open(sys.argv[1], "rb"); head = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
print("\n".join("%s %s" % (k, head[k].get("shape", head[k])) for k in head))' "$1"
}

# --- what it becomes --------------------------------------------------------------------------------
works first --max_train_steps=4 --learning_rate=1e-3 --checkpointing_steps=2
[ "$(cat stdout)" = first ] || fail "stdout is not the output folder"
for f in $attention contact-sheet.jpg logs/train.jsonl checkpoint-2/$attention checkpoint-4/optimizer.safetensors; do
    [ -s "first/$f" ] || fail "no '$f' in the result"
done
[ ! -e first/unet ] && [ ! -e first/model_index.json ] || fail "more than the attention in the result"
names first/$attention >said
[ "$(grep -c ' \[' said)" = 35 ] || fail "not 5 tensors of each of the 7 layers"
grep -q '"\?height.*32.*width.*24' said || fail "the size of the pictures is not in the file"
[ "$(sed 's/ .*//' said | grep -v __ | tr '\n' ' ')" = "$(sed 's/ .*//' said | grep -v __ | LC_ALL=C sort | tr '\n' ' ')" ] ||
    fail "names are not in the order of published files"
# in the order down, up, mid: the first is of 8 channels, the last of the 16 of the middle
grep -q '^0.to_q.weight \[8, 8\]' said && grep -q '^48.to_q.weight \[16, 16\]' said || fail "the layers are not in order"
cmp first/$attention first/checkpoint-4/$attention || fail "the last checkpoint is not the result"

# --- it learns ----------------------------------------------------------------------------------------
# Noise, timesteps and drops follow from the seed alone: a run at rate 0 meets the same ones with the untrained model.
works still --max_train_steps=40 --learning_rate=0 --train_layers=all
works moving --max_train_steps=40 --learning_rate=2e-3 --train_layers=all
awk -v a="$(loss moving 31 40)" -v b="$(loss still 31 40)" 'BEGIN {exit !(a < 0.9 * b)}' ||
    fail "the loss on the same noise went from $(loss still 31 40) to $(loss moving 31 40) only"
[ -s moving/model_index.json ] && [ -s moving/$attention ] || fail "all layers learned, but there is no pipeline folder"
grep -q '"_drape_garment": true' moving/scheduler/scheduler_config.json || fail "the folder does not say that it dresses"

# What learns: with --train_layers attention the self-attention, with all of them whatever is of use without a text.
python3 - "$model/$unet" moving/$unet <<'END' || fail "other weights than those that are of use have changed"
import json, struct, sys
def load(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + n])
    head.pop("__metadata__", None)
    def values(v):
        raw = data[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]]
        return struct.unpack("<%d%s" % (len(raw) // (2 if v["dtype"] == "F16" else 4), "e" if v["dtype"] == "F16" else "f"), raw)
    return {k: values(v) for k, v in head.items()}
a, b = load(sys.argv[1]), load(sys.argv[2])
assert a.keys() == b.keys()
for k in a:
    assert (a[k] == b[k]) == (".attn2.to_" in k), k
END

# --- killed, and gone on with -------------------------------------------------------------------------
resumes() { # FILE NAME FLAGS...: killed after some steps, in the end as if it was not
    local file=$1 name=$2 pid
    shift 2
    works "$name" --max_train_steps=12 "$@"
    start "$name-killed" --max_train_steps=12 --checkpointing_steps=1 "$@" >stdout 2>err &
    pid=$!
    until [ -e "$name-killed/checkpoint-3" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.01; done
    kill -KILL $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
    works "$name-killed" --max_train_steps=12 --checkpointing_steps=4 --resume_from_checkpoint=latest "$@"
    same "$name" "$name-killed" "$file"
    [ "$(wc -l <"$name-killed/logs/train.jsonl")" = 12 ] || fail "$name-killed: not one line for each step"
}
resumes $attention part --learning_rate=1e-3 --use_8bit_adam --use_ema --gradient_checkpointing --flip \
    --train_batch_size=2
resumes $unet whole --learning_rate=1e-3 --train_layers=all --gradient_accumulation_steps=2
resumes pytorch_lora_weights.safetensors lora --learning_rate=1e-2 --lora_rank=2
names lora/pytorch_lora_weights.safetensors >said
grep -q attn1.to_out.0.lora_B said && ! grep -q attn2 said || fail "adapters are not on the self-attention alone"

expect 1 'garment_dropout = 0.1, this run has 0.2' train lora-killed --max_train_steps=13 --lora_rank=2 \
    --garment_dropout=0.2 --resume_from_checkpoint=latest

start int --max_train_steps=100000 --learning_rate=1e-3 >stdout 2>err &
pid=$!
until [ -s int/logs/train.jsonl ] || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
kill -INT $pid
got=0
wait $pid || got=$?
[ $got = 130 ] || fail "exit status $got after Ctrl-C, not 130"
[ -s "int/checkpoint-$(wc -l <int/logs/train.jsonl)/$attention" ] || fail "no checkpoint after Ctrl-C"
[ -z "$(find . -name '*.tmp-*')" ] || fail "left behind: $(find . -name '*.tmp-*')"

# --- the same numbers by other ways ---------------------------------------------------------------------
steps=(--max_train_steps=4 --learning_rate=1e-3)
works blocks "${steps[@]}" --gradient_checkpointing
same first blocks $attention
works coming "${steps[@]}" --gradient_checkpointing --max_grad_norm=0
works clipped "${steps[@]}" --max_grad_norm=1e9
same coming clipped $attention
works one "${steps[@]}" --train_batch_size=3
works three "${steps[@]}" --gradient_accumulation_steps=3
paste <(sed 's/.*"loss":\([-0-9.e]*\).*/\1/' one/logs/train.jsonl) \
    <(sed 's/.*"loss":\([-0-9.e]*\).*/\1/' three/logs/train.jsonl) |
    awk '{d = $1 - $2; if (d < 0) d = -d; if (d > 1e-4 * $1) exit 1}' || fail "batches and accumulation differ"
for flags in --garment_dropout=1 --flip --snr_gamma=0.05 --noise_offset=0.1 --unmasked_loss_weight=0.1 --mask_any_white; do
    rm -rf flagged
    works flagged "${steps[@]}" "$flags"
    [ "$flags" = --flip ] || differ first flagged
done

# From attention weights: at rate 0 they come out as they went in, and their size is the pictures'.
"$drape" train --pretrained_model_name_or_path="$model" --garment_pairs=pairs --attention=first --output_dir=again \
    --max_train_steps=1 --learning_rate=0 --threads=1 --quiet >stdout 2>err || fail "'--attention' failed"
same first again $attention

# No text is needed: neither its encoder, nor a tokenizer.
mkdir bare
cp -r "$model/unet" "$model/vae" "$model/scheduler" bare/
model=bare works textless "${steps[@]}"
same first textless $attention

# Pictures on the way.
works seen "${steps[@]}" --validation_image="pairs/person/p (1).png" --validation_mask="pairs/mask/p (1).png" \
    --validation_garment="pairs/garment/p (2).png" --validation_steps=2 --num_validation_images=1
for f in step-000002-1 step-000004-1; do
    [ "$(size "seen/validation/$f.png")" = 24x32 ] || fail "no validation picture $f of 24x32"
done
same first seen $attention

# Held out: never trained on, looked at, and the best is kept in the form of the result.
works held "${steps[@]}" --validation_split=0.3 --validation_steps=2 --validation_metrics=psnr,ssim --keep_best=loss
grep -q '"held_out":.*"loss":.*"psnr' held/logs/train.jsonl || fail "no look at the pair that is held out"
[ "$(ls -d held/best-* | wc -l)" = 1 ] && [ -s held/best-*/$attention ] && [ ! -e held/best-*/model_index.json ] ||
    fail "the best is not kept"
[ "$(size held/validation/held-000004-1.png)" = 24x32 ] || fail "no picture of the pair that is held out"
mkdir others
cp -r pairs/* others/
works looked "${steps[@]}" --validation_data=others --validation_steps=2 --validation_metrics=none
same first looked $attention

# --- other folders ----------------------------------------------------------------------------------------
mkdir -p set/train/{image,cloth,agnostic-mask}
for n in 1 2 3; do
    cp "pairs/person/p ($n).png" set/train/image/0$n.png
    cp "pairs/garment/p ($n).png" set/train/cloth/0$n.png
    cp "pairs/mask/p ($n).png" set/train/agnostic-mask/0${n}_mask.png
done
works viton "${steps[@]}" --garment_pairs=set/train
same first viton $attention
printf '01.png 03.png\r\n\n03.png 01.png\n' >set/train_pairs.txt
works chosen "${steps[@]}" --garment_pairs=set/train
differ first chosen
rm -r set/train/*/02*
rm set/train_pairs.txt
works fewer "${steps[@]}" --garment_pairs=set/train
same chosen fewer $attention
cp -r pairs listed
printf 'p (1)\tp (3)\np (2)\tp (2)\n' >listed/pairs.txt
works listed-out "${steps[@]}" --garment_pairs=listed
differ first listed-out
rm -r listed/*/*3*
cp "pairs/garment/p (3).png" "listed/garment/p (1).png"
rm listed/pairs.txt
works renamed "${steps[@]}" --garment_pairs=listed
same listed-out renamed $attention

# --- faults, all at once ------------------------------------------------------------------------------------
cp -r pairs faulty
cp pairs/person/p*1* faulty/person/alone.png
cp pairs/mask/p*1* faulty/mask/orphan.png
cp pairs/garment/p*1* faulty/garment/unworn.png
png faulty/mask/"p (2).png" 70 90 black
head -c 100 pairs/garment/p*3* >faulty/garment/"p (3).png"
cp pairs/person/p*1* faulty/person/"p (1).jpg"
refuses 1 '7 faults' faults --max_train_steps=9 --garment_pairs=faulty
for words in "person 'alone.png' has no mask" "person 'alone.png' has no garment" "mask 'orphan.png' has no person" \
    "garment 'unworn.png' has no person" "mask 'p (2).png'" "faulty/garment/p (3).png" "'p (1).jpg' and 'p (1).png'"; do
    grep -qF -- "$words" err || fail "'$words' is not said"
done
printf 'p (1)\tp (9)\n' >pairs/pairs.txt
refuses 1 "pairs.txt, line 1: there is no picture 'p (9)'" faults --max_train_steps=9
rm pairs/pairs.txt
refuses 1 'expected the folders person, mask and garment' faults --max_train_steps=9 --garment_pairs=in
mkdir -p half/person
cp pairs/person/p*1* half/person
refuses 1 "there is no folder 'half/mask'" faults --max_train_steps=9 --garment_pairs=half

# --- options ------------------------------------------------------------------------------------------------
for flags in --instance_data_dir=in --instance_masks_data_dir=in --instance_prompt=coat --validation_prompt=coat \
    --tokenizer_name=in --train_text_encoder --with_prior_preservation --class_data_dir=in --class_prompt=coat \
    --center_crop --bucket --resolution=32 --save_single_file; do
    refuses 1 "$(sed 's/=.*//' <<<"$flags") is not for --garment_pairs" options --max_train_steps=9 "$flags"
done
refuses 1 '--lora_rank puts adapters on the self-attention' options --lora_rank=2 --train_layers=all
refuses 1 '--use_ema averages whole weights' options --lora_rank=2 --use_ema
refuses 1 'validation on pairs needs' options --validation_image=in/photo.png --validation_mask=in/mask.png
refuses 1 '--width is 30, must be a multiple of 4' options --size=30x32
refuses 1 'has no attention/model.safetensors' options --attention=in
for flags in --size=24x32 --train_layers=all --attention=first --garment_dropout=0.2 --validation_garment=in/photo.png; do
    expect 1 'is for training on --garment_pairs' "$drape" train --pretrained_model_name_or_path="$model" \
        --instance_data_dir=pairs/person --instance_masks_data_dir=pairs/mask --output_dir=options "$flags"
done
expect 2 '--instance-data-dir is missing' "$drape" train --pretrained_model_name_or_path="$model" --output_dir=options

echo "pairs: works"
