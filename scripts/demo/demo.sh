#!/usr/bin/env bash
# make demo: the whole job on real photos with the small model: a garment learnt, masks found, people dressed.
#   scripts/demo/demo.sh BUILD_DIR [OUT_DIR]
# MODEL is the pipeline to use (default models/mini), STEPS those of the fine-tuning.
set -euo pipefail
build=$(realpath "${1:?usage: scripts/demo/demo.sh BUILD_DIR [OUT_DIR]}")
cd "$(dirname "$0")/../.."
out=${2:-demo} model=${MODEL:-models/mini} train_steps=${STEPS:-150}
drape=$build/drape
[ -e "$model/model_index.json" ] || {
    echo "demo: '$model' is no model: it has no model_index.json; clone the whole repository, or set MODEL=DIR" >&2
    exit 1
}
rm -rf "$out"
mkdir -p "$out/lesson/photos" "$out/lesson/masks"
trap 'echo; echo "demo: stopped; what is finished lies in $out" >&2; exit 130' INT TERM

# run TITLE COMMAND...: shows it, times it, and keeps both for the page
run() {
    local title=$1 t0 t1
    shift
    echo "== $title"
    t0=$(date +%s.%N)
    "$@"
    t1=$(date +%s.%N)
    printf '%s\t%s\t%s\n' "$(awk "BEGIN { printf \"%.1f\", $t1 - $t0 }")" "$title" "$(shown "$@")" >>"$out/steps.tsv"
}
# the command as one would type it
shown() {
    local word text=
    for word in "$@"; do
        word=${word/#"$build/"/build/}
        case $word in *[\ \(\)\*]*) word="\"$word\"" ;; esac
        text+=" $word"
    done
    echo "${text# }"
}
dress() { # PERSON NAME PROMPT MODEL TITLE
    run "$5" "$drape" tryon --model "$4" --image "examples/$1.jpg" --mask "$out/$1-mask.png" --prompt "$3" \
        --seed 1 --quiet -o "$out/$1-$2.png"
}

put_on() { # PERSON GARMENT: its photo in examples/garments
    run "From one photo: ${2//-/ }" "$drape" tryon --model "$model" --image "examples/$1.jpg" \
        --mask "$out/$1-mask.png" --garment "examples/garments/$2.jpg" --seed 1 --quiet -o "$out/$1-$2.png"
}

garment="orange suit"
run "Find the garment to learn" "$drape" mask examples/astronaut.jpg --what garment --category outer \
    -o "$out/garment.png" --overlay "$out/garment-seen.jpg" --quiet
run "Cut a small training set" "$build/example_crops" examples/astronaut.jpg "$out/garment.png" "$garment" \
    "$out/lesson" 8
for person in grace_hopper astronaut; do
    run "Find where a new garment may go ($person)" "$drape" mask "examples/$person.jpg" --category upper \
        -o "$out/$person-mask.png" --overlay "$out/$person-seen.jpg" --quiet
done
if [ -d "$model/garment" ]; then # others dress from words alone
    for photo in examples/garments/*.jpg; do
        for person in grace_hopper astronaut; do put_on "$person" "$(basename "$photo" .jpg)"; done
    done
fi
dress grace_hopper before "$garment" "$model" "Dress without having learnt the garment"
run "Learn the garment" "$drape" train --pretrained_model_name_or_path "$model" --instance_data_dir "$out/lesson/photos" \
    --instance_masks_data_dir "$out/lesson/masks" --output_dir "$out/taught" --resolution 256 --center_crop \
    --train_text_encoder --train_batch_size 4 --max_train_steps "$train_steps" --learning_rate 2e-4 \
    --unmasked_loss_weight 0.25 --checkpointing_steps 1000 --seed 1
dress grace_hopper taught "$garment" "$out/taught" "Dress in what was learnt"
while read -r person name prompt; do
    dress "$person" "$name" "$prompt" "$model" "By words alone: $prompt"
done <scripts/demo/prompts.txt

scripts/demo/page.sh "$out" "$model" >"$out/index.html.new"
mv "$out/index.html.new" "$out/index.html"
cat <<END

Done: open $out/index.html in a browser. The pictures beside it are the PNGs.
END
