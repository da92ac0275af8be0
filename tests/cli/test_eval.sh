#!/usr/bin/env bash
# Results judged by the program: what it prints and writes, what it does with bad folders, interruptions and a full disk;
# and grids of checkpoints.
#   test_eval.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"

judge() { # FLAGS...
    "$drape" eval --results made --reference ref --metrics psnr,ssim,difference,colour --threads 1 -q "$@"
}
field() { # FILE EXPRESSION: of the report j
    python3 -c 'import json, sys; j = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$@"
}

# Three results of which one differs everywhere, one inside its mask alone, and one not at all.
mkdir made ref masks
for n in all inside none; do
    png "ref/$n.png" 90 70 photo
    png "masks/$n.png" 90 70 box
done
png made/all.png 90 70 person
cp ref/none.png made/none.png
"$drape" tryon --model "$model" --image ref/inside.png --mask masks/inside.png --prompt coat --steps 2 --mask-blur 0 \
    --threads 1 -q -o made/inside.png >said

# --- a table, JSON, a page -------------------------------------------------------------------------
expect 0 'psnr_inside (dB)' judge --masks masks
grep -q 'results equal their references' err || fail "an equal picture is not told"
judge --masks masks --json --html page.html >report.json 2>err || fail "judging failed"
[ "$(field report.json 'len(j["pairs"])')" = 3 ] || fail "not three pairs"
[ "$(field report.json '[p["numbers"]["changed_outside"] for p in j["pairs"] if p["name"] == "inside"]')" = '[0.0]' ] ||
    fail "try-on changes what it must not"
[ "$(field report.json 'j["reused"]')" = 3 ] || fail "numbers were not kept"
[ "$(field report.json 'sorted(p["name"] for p in j["pairs"] if p["equal"])')" = "['none']" ] || fail "which is equal?"
grep -q 'data:image/jpeg;base64,' page.html || fail "no picture in the page"
if grep -qE '(src|href)="?(https?:|/)' page.html; then fail "the page needs something from outside"; fi
first=$(grep -o '<h3>[a-z]*</h3>' page.html | head -1)
[ "$first" = '<h3>all</h3>' ] || fail "the worst does not come first, but $first"
"$drape" eval --metrics help | grep -q '^ssim_torchmetrics' || fail "--metrics help lists nothing"

# Names are anybody's: no markup of theirs gets into the page.
cp made/all.png 'made/<b>&x.png'
cp ref/all.png 'ref/<b>&x.png'
judge --html page.html >table 2>err || fail "a strange name fails"
grep -q '&lt;b&gt;&amp;x' page.html || fail "a name is not escaped"
! grep -q '<b>' page.html || fail "a name is markup"
rm 'made/<b>&x.png' 'ref/<b>&x.png'

# --- what is odd --------------------------------------------------------------------------------------
png made/lonely.png 90 70 photo
png ref/other.png 90 70 photo
expect 0 "'lonely.png' of results is without: reference" judge
grep -q "'other.png' of reference is without: result" err || fail "a reference without a result is not told"
rm made/lonely.png ref/other.png
echo 'no picture' >made/none.png
before=$(files)
expect 1 'none' judge --json
nothing_left
[ "$(field out 'len(j["pairs"])')" = 2 ] || fail "the others did not go on"
cp ref/none.png made/none.png

# --- what cannot be ------------------------------------------------------------------------------------
refused 2 '--reference is missing' "$drape" eval --results made
refused 2 "--sort is 'beauty'" judge --sort beauty
refused 1 "there is no metric 'beauty'" "$drape" eval --results made --reference ref --metrics beauty
refused 1 "results and references are both in 'made'" "$drape" eval --results made --reference made/.
refused 1 "'nowhere'" "$drape" eval --results nowhere --reference ref
refused 1 'has the name of one in' "$drape" eval --results in --reference ref
png made/all.png 45 35 photo
refused 1 "with --resize result or --resize reference" judge
expect 0 '' judge --resize reference
png made/all.png 90 70 person
echo 'dear diary' >letter
refused 1 "no file that 'drape eval' has written" judge --cache letter
[ "$(cat letter)" = 'dear diary' ] || fail "a file that was none of ours was written to"
refused 1 'no-folder' judge --html no-folder/page.html

# --- interrupted and full --------------------------------------------------------------------------------
png large.png 400 300 photo
png other.png 400 300 person
for i in $(seq 20); do
    cp large.png "ref/many$i.png"
    cp other.png "made/many$i.png"
    printf '%s' "$i" >>"made/many$i.png" # bytes behind the picture: each is another file, of which nothing is kept yet
done
expect 1 'cannot write' limited 1 judge --cache small
judge --cache small --json >report.json 2>err || fail "does not go on after a full disk"
before=$(files)
interrupt kept "$drape" eval --results made --reference ref --metrics psnr,ssim,difference,colour --threads 1 --cache kept
grep -q 'the same command goes on' err || fail "nothing is said of going on"
judge --cache kept --json >again.json 2>err || fail "does not go on after an interruption"
[ "$(field again.json 'j["reused"]')" -gt 0 ] || fail "an interrupted run kept nothing"
[ "$(field again.json 'j["summary"]')" = "$(field report.json 'j["summary"]')" ] || fail "other numbers the second time"

# --- a grid ----------------------------------------------------------------------------------------------
mkdir images garment-masks
cp in/photo.png 'images/coat (1).png'
cp in/mask.png 'garment-masks/coat (1).png'
train() { # OUT FLAGS...
    "$drape" train --pretrained_model_name_or_path "$model" --instance_data_dir images \
        --instance_masks_data_dir garment-masks --output_dir "$1" --resolution 32 --max_train_steps 2 \
        --checkpointing_steps 1 --lr_warmup_steps 0 --threads 1 -q "${@:2}" >said 2>err || fail "training failed"
}
grid() { # FLAGS...
    "$drape" eval --grid grid --checkpoint whole/checkpoint-1 --checkpoint whole --checkpoint adapter/checkpoint-1 \
        --model "$model" --image in/photo.png --mask in/mask.png --prompt coat --steps 2 --threads 1 -q "$@"
}
train whole
train adapter --lora_rank 2
expect 0 grid/grid.jpg grid --guidance-scale 1,3 --num-images 2
[ "$(find grid/pictures -name '*.png' | wc -l)" = 12 ] || fail "not a picture for each"
[ -s grid/grid.jpg ] || fail "no sheet"
stamp=$(stat -c '%n %y' grid/pictures/*.png | sort) # with nanoseconds: a new file may get the old one's inode in the same second
rm "$(find grid/pictures -name 'whole-3-1.png')"
grid --guidance-scale 1,3 --num-images 2 --json >report.json 2>err || fail "the grid does not go on"
[ "$(stat -c '%n %y' grid/pictures/*.png | sort | comm -12 - <(echo "$stamp") | wc -l)" = 11 ] ||
    fail "pictures that were there were made anew"
[ "$(field report.json 'len(j["methods"])')" = 6 ] || fail "not a method for each checkpoint and scale"
refused 2 'at least one --checkpoint' "$drape" eval --grid grid --image in/photo.png --prompt coat
refused 2 "there is no 'nowhere'" "$drape" eval --grid g2 --checkpoint nowhere --image in/photo.png --prompt coat
refused 2 'must be numbers' grid --guidance-scale 1,x
[ ! -e g2 ] || fail "a refused grid leaves a folder"
echo "eval: passed"
