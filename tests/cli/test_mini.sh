#!/usr/bin/env bash
# The whole job by the program and with the small model, from two photos to a dressed person: masks found, a garment
# learnt in 50 steps, the other person dressed in it. The loss on the same noise is lower afterwards, the colour has
# come nearer to the garment's, and what is outside the mask is the photo's. Then another garment from its photo alone.
#   test_mini.sh DRAPE CROPS JUDGE
# DRAPE_MODEL is taken instead of models/mini where it is set.
set -euo pipefail
crops=$(realpath "${2:?usage: $0 DRAPE CROPS JUDGE}")
judge=$(realpath "${3:?usage: $0 DRAPE CROPS JUDGE}")
. "$(dirname "$0")/common.sh"
small=${DRAPE_MODEL:-$root/models/mini}
[ -n "${DRAPE_MODEL:-}" ] || [ -e "$small/model_index.json" ] || {
    echo "test_mini.sh: skipped, models/mini has no model_index.json"
    exit 77
}
garment=$root/examples/astronaut.jpg person=$root/examples/grace_hopper.jpg
soft=4 # pixels of the paste's edge
wardrobe=off

works() { # COMMAND...
    "$@" >said 2>err || fail "'$*' failed"
}
train() { # MODEL OUT FLAGS...
    works "$drape" train --pretrained_model_name_or_path "$1" --instance_data_dir photos \
        --instance_masks_data_dir masks --output_dir "$2" --resolution 256 --center_crop --train_batch_size 4 \
        --unmasked_loss_weight 0.25 --quiet "${@:3}"
}
loss() { # MODEL NAME: the mean over noise that is the same for every model; nothing moves at a rate of 0
    train "$1" "$2" --max_train_steps 8 --learning_rate 0 --seed 7
    sed -n 's/.*"loss":\([-0-9.e]*\).*/\1/p' "$2/logs/train.jsonl" |
        awk '{s += $1} END {if (NR != 8) exit 1; printf "%.4f\n", s / NR}' || fail "'$2' has not logged 8 losses"
}
dress() { # OUT FLAGS...
    works "$drape" tryon --image "$person" --mask auto:upper --save-mask mask.png --mask-blur $soft --prompt suit \
        --seed 1 --quiet --wardrobe "$wardrobe" -o "$1" "${@:2}"
}
distance() { # RESULT [GARMENT_MASK]: from the garment's colour; the background is looked at as well
    "$judge" "$garment" "${2:-garment.png}" "$person" mask.png "$1" $soft >judged 2>err || fail "cannot judge '$1'"
    grep -q '^changed 0 of [1-9]' judged || fail "'$1': background pixels: $(head -1 judged)"
    sed -n 's/^distance //p' judged
}
below() { # A PART B: A is less than this part of B
    awk -v a="$1" -v part="$2" -v b="$3" 'BEGIN {exit !(a < part * b)}'
}

# The prompt says nothing of the colour: that has to be learnt.
mkdir photos masks
works "$drape" mask "$garment" --what garment --category outer --quiet -o garment.png
works "$crops" "$garment" garment.png suit . 4

train "$small" taught --train_text_encoder --max_train_steps 50 --learning_rate 3e-4 --seed 1
before=$(loss "$small" untaught-loss) after=$(loss taught taught-loss)
echo "loss on the same noise: $before, after the training $after"
below "$after" 0.9 "$before" || fail "the training has not brought the loss down: $before, then $after"

dress untaught.png
! grep -q warning err || fail "a word of warning about the model's own pace: $(cat err)"
dress other-pace.png --steps 7
grep -q "is made for .* steps" err || fail "no word that the model is made for other than 7 steps"
dress taught.png --model taught
steps=$(sed -n 's/.*"_drape_steps": \([0-9]*\).*/\1/p' "$small/scheduler/scheduler_config.json")
grep -a -q "Steps: ${steps:-50}," taught.png || fail "the taught model has not kept the steps that suit the small one (${steps:-50})"
from=$(distance untaught.png) to=$(distance taught.png)
echo "distance from the garment's colour: $from, after the training $to"
below "$to" 0.7 "$from" || fail "the colour has not come nearer to the garment's: $from, then $to"

# What was taught is kept in a photo as well, and asked for by its words; others mean the cloth that lies in the folder.
if [ -e "$small/wardrobe/wardrobe.json" ]; then
    wardrobe=on
    dress kept.png --model taught
    grep -a -q "of the wardrobe" kept.png || fail "the taught garment's photo is not used"
    ! grep -a -q "of the wardrobe" taught.png || fail "--wardrobe off uses a photo"
    from=$(distance untaught.png) to=$(distance kept.png)
    echo "distance from the garment's colour, from its photo: $to"
    below "$to" 0.5 "$from" || fail "the colour has not come from the photo: $from, then $to"
    train "$small" adapter --lora_rank 4 --max_train_steps 2 --seed 1
    dress adapter.png --lora adapter
    grep -a -q "of the wardrobe" adapter.png || fail "the photo in the adapter's file is not used"
    below "$(distance adapter.png)" 0.5 "$from" || fail "the adapter's photo is another one"
    dress adapter-words.png --lora adapter --prompt "a red checked shirt"
    ! grep -a -q "of the wardrobe" adapter-words.png || fail "with an adapter the model's own wardrobe is used"
    for colour in red blue; do
        dress $colour.png --prompt "a $colour checked shirt"
        grep -a -q "of the wardrobe" $colour.png || fail "no photo of checks is used"
        distance $colour.png >/dev/null
    done
    ! cmp -s red.png blue.png || fail "the colour asked for changes nothing"
    dress other.png --prompt "a red checked shirt" --seed 2
    ! cmp -s red.png other.png || fail "another seed gives the same picture"
    dress words.png --prompt "a purple spacesuit"
    ! grep -a -q "of the wardrobe" words.png || fail "a photo is used for a word that no garment is called by"
    dress whole.png --prompt "a red checked shirt" --region whole --strength 0.9
    ! grep -a -q "of the wardrobe" whole.png || fail "a photo is used where the numbers are to be diffusers'"
fi

# From a photo alone, with the small model that has learnt that.
if [ -e "$small/garment/model_index.json" ]; then
    for flat in floral-blouse blue-pullover striped-shirt; do
        garment=$root/examples/garments/$flat.jpg
        works "$drape" tryon --image "$person" --mask mask.png --mask-blur $soft --garment "$garment" --seed 1 --quiet -o $flat.png
        ! grep -q warning err || fail "a word of warning about the model's own pace: $(cat err)"
        from=$(distance "$person" -) to=$(distance $flat.png -)
        echo "$flat: $from from the garment's colour, dressed $to"
        below "$to" 0.5 "$from" || fail "$flat: the colour has not come: $from, then $to"
    done
    # What the mask covers and no garment does is the photo's, unless it is asked to be painted.
    works "$drape" tryon --image "$person" --mask mask.png --mask-blur $soft --garment "$garment" --seed 1 --quiet \
        --unworn paint -o painted.png
    grep -a -q "Unworn: keep" striped-shirt.png || fail "the small model does not keep what is not worn"
    ! grep -a -q "Unworn" painted.png || fail "--unworn paint keeps what is not worn"
    ! cmp -s striped-shirt.png painted.png || fail "--unworn changes nothing"
    distance painted.png - >/dev/null
    ! "$drape" tryon --image "$person" --mask mask.png --garment "$garment" --unworn keep --paste off -o no.png 2>err ||
        fail "--unworn keep is taken without a paste"
    grep -q "needs the paste" err || fail "--unworn keep without a paste: $(cat err)"
fi
echo "test_mini.sh: works"
