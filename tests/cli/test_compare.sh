#!/usr/bin/env bash
# Several ways to dress one person become one page, one contact sheet and one record; what is there is not made anew; a
# method that fails keeps no other from its pictures; what cannot be meant is refused before the long work.
#   test_compare.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"
taught=$root/tests/golden/nano

compare() { # FLAGS...: a quick one to the folder c
    "$drape" compare --image in/photo.png --mask in/mask.png --model "$model" --prompt "red t-shirt" --steps 2 --seed 7 \
        --threads 1 -q -o c "$@"
}
compared() {
    compare "$@" >said 2>err || fail "'$*' failed"
}
json() { # EXPRESSION of the record r
    python3 -c 'import json, sys; r = json.load(open("c/compare.json")); print(eval(sys.argv[1]))' "$1"
}
is() { # WANT EXPRESSION
    local got
    got=$(json "$2")
    [ "$got" = "$1" ] || fail "$2 is '$got', not '$1'"
}

# --- what comes out -----------------------------------------------------------------------------------------

compared --num-images 2 --method prompt --method "Other words=prompt:a blue, wide coat,steps=1" --method "taught:$taught" \
    --garment in/photo.png --title "A title"
for file in compare.html sheet.jpg compare.json mask.png pictures/prompt-alone-7.png pictures/prompt-alone-8.png \
    pictures/other-words-7.png pictures/taught-model-8.png; do
    [ -s "c/$file" ] || fail "there is no $file"
done
[ "$(cat said)" = $'c/compare.html\nc/sheet.jpg\nc/compare.json' ] || fail "results are not named: $(cat said)"
is "['Prompt alone', 'Other words', 'Taught model']" "[m['name'] for m in r['methods']]"
is "['red t-shirt', 'a blue, wide coat', 'red t-shirt']" "[m['settings']['prompt'] for m in r['methods']]"
is "[2, 1, 2]" "[m['settings']['steps'] for m in r['methods']]"
is "[7, 8]" "[x['seed'] for x in r['methods'][0]['results']]"
is True "all(x['seconds'] > 0 and m['peak_bytes'] > 1e6 for m in r['methods'] for x in m['results'])"
is True "all(x['metrics']['changed_outside'] == 0 for m in r['methods'] for x in m['results'])"
is "[None, None, None]" "[m['error'] for m in r['methods']]"
[ "$(size c/pictures/prompt-alone-7.png)" = 90x70 ] || fail "a picture has not the photo's size"

# The picture of a method is the one that tryon makes.
dressed -o r.png
cmp r.png c/pictures/prompt-alone-7.png || fail "prompt alone is not what tryon gives"
dress --prompt "a blue, wide coat" --steps 1 -o r.png >said 2>err || fail "tryon"
cmp r.png c/pictures/other-words-7.png || fail "a method's own settings are not what tryon gives"

# The page is one file: nothing in it is from elsewhere, and nothing but the JSON has what people wrote.
! grep -oE "(src|href)=\"?(https?:|//|file:)[^ >]*" c/compare.html >err || fail "the page loads something"
grep -q "script-src 'sha256-" c/compare.html || fail "the page has no policy"

# --- again ----------------------------------------------------------------------------------------------------

stamp() { stat -c %y "c/pictures/$1"; }
first=$(stamp prompt-alone-7.png) other=$(stamp other-words-7.png)
compared --num-images 3 --method prompt --method "Other words=prompt:a blue, wide coat,steps=2"
[ "$(stamp prompt-alone-7.png)" = "$first" ] || fail "a picture is made anew that was there"
[ "$(stamp other-words-7.png)" != "$other" ] || fail "a picture of other settings passes for this one"
is "[True, True, False]" "[x['reused'] for x in r['methods'][0]['results']]"
printf x >>c/pictures/prompt-alone-8.png
compared --num-images 3 --method prompt
is "[True, False, True]" "[x['reused'] for x in r['methods'][0]['results']]"
compared --num-images 1 --method prompt --fresh
is "[False]" "[x['reused'] for x in r['methods'][0]['results']]"
cp -rL "$model" moved
compared --method taught:moved
touch moved/unet/*.safetensors
compared --method taught:moved
is "[False]" "[x['reused'] for x in r['methods'][0]['results']]"

# --- failures ---------------------------------------------------------------------------------------------------

expect 1 "method 'Gone': cannot load the model 'nowhere'" compare --method "Gone=taught:nowhere" --method prompt
is "[True, False]" "[m['error'] is not None for m in r['methods']]"
is "[0, 1]" "[len(m['results']) for m in r['methods']]"
[ -s c/compare.html ] || fail "a method that failed leaves no page"

# Whatever a name is, files and page stand it.
name=$'a: b=c</script><img src=x onerror=alert(1)>\xff "& \'../../up'
compared --method "$name=prompt"
! grep -q '<img' c/compare.html || fail "a name is markup in the page"
is "prompt" "r['methods'][0]['kind']"
[ "$(ls c/pictures | grep -c "^a-b-c-script")" = 1 ] || fail "a hostile name's file: $(ls c/pictures)"

# --- from a photo of the garment -----------------------------------------------------------------------------------

cat=$root/tests/golden/catvton
from="model=$cat/base,vae=$cat/sd-vae-ft-mse,size=32x32"
compared --garment in/photo.png --method "From the photo=garment:$cat/CatVTON/tiny-4k-32,$from" --method prompt
is "[None, None]" "[m['error'] for m in r['methods']]"
is "['tiny-4k-32', 1.0]" "[r['methods'][0]['settings']['attention'].split('/')[-3], r['methods'][0]['settings']['eta']]"
is False "'prompt' in r['methods'][0]['settings']"
is True "r['methods'][0]['results'][0]['metrics']['colour_mean'] > 0"
"$drape" tryon --image in/photo.png --mask in/mask.png --garment in/photo.png --attention "$cat/CatVTON/tiny-4k-32" --seed 7 --steps 2 \
    --threads 1 --model "$cat/base" --vae "$cat/sd-vae-ft-mse" --size 32x32 -q -o r.png >said 2>err || fail "tryon from a photo"
cmp r.png c/pictures/from-the-photo-7.png || fail "from a photo is not what tryon gives"
png in/other.png 60 60 photo
compared --garment in/other.png --method "From the photo=garment:$cat/CatVTON/tiny-4k-32,$from" --method prompt
is "[False, True]" "[m['results'][0]['reused'] for m in r['methods']]"
rm r.png

# --- a GAN ------------------------------------------------------------------------------------------------------------

viton=$root/tests/golden/viton nets=$root/tests/golden/hr-viton
gan="warp:$nets/mtviton.safetensors,generator=$nets/gen.pth,densepose=$viton/image-densepose/p0.png"
gan="$gan,keypoints=$viton/openpose_json/p0_keypoints.json,parse=$viton/image-parse-v3/p0.png,cloth-mask=$viton/cloth-mask/c0.png"
rm -rf w
"$drape" compare --image "$viton/image/p0.png" --mask "$viton/cloth-mask/c0.png" --garment "$viton/cloth/c0.png" --seed 7 --size 128x256 \
    --threads 1 -q -o w --method "GAN=$gan" --method "Its own picture=$gan,composite=off" --method "Lost=$gan,keypoints=none.json" >said 2>err && fail "a failure is none"
grep -q "method 'Lost': .*none.json" err || fail "the missing file is not named"
"$drape" warp --image "$viton/image/p0.png" --cloth "$viton/cloth/c0.png" --cloth-mask "$viton/cloth-mask/c0.png" \
    --condition "$nets/mtviton.safetensors" --generator "$nets/gen.pth" --densepose "$viton/image-densepose/p0.png" \
    --keypoints "$viton/openpose_json/p0_keypoints.json" --parse "$viton/image-parse-v3/p0.png" --width 128 --height 256 --seed 7 --composite \
    --threads 1 -q -o r.png >said 2>err || fail "warp"
cmp r.png w/pictures/gan-7.png || fail "the GAN's picture is not what warp gives"
[ "$(size w/pictures/its-own-picture-7.png)" = 128x256 ] || fail "the GAN's own picture has another size"
[ -s w/compare.html ] || fail "no page"
rm r.png

# --- a file of methods --------------------------------------------------------------------------------------------

cat >m.json <<END
{"methods": [{"name": "Few", "kind": "prompt", "steps": 1, "paste": false, "preset": "fast"},
             {"kind": "taught", "model": "$taught", "guidance_scale": 1.5, "karras": false}]}
END
compared --methods m.json --method "From the line=prompt" --sheet png --reference in/photo.png
[ -s c/sheet.png ] || fail "there is no sheet.png"
is True "all(0 < x['metrics']['psnr'] < 100 and x['metrics']['ssim_torchmetrics'] < 1 for m in r['methods'] for x in m['results'])"
is "['Few', 'Taught model', 'From the line']" "[m['name'] for m in r['methods']]"
is "[1, False, 1.5]" "[r['methods'][0]['settings']['steps'], r['methods'][0]['settings']['paste'], r['methods'][1]['settings']['guidance_scale']]"
is "['fast', 'unipc', 0.5, 'auto']" "[r['methods'][0]['settings'][k] for k in ('preset', 'scheduler', 'guidance_end', 'precision')]"
is "['exact', 1.0, 'exact']" "[r['methods'][2]['settings'][k] for k in ('preset', 'guidance_end', 'precision')]"

# --- refusals --------------------------------------------------------------------------------------------------------

rm -rf c
refused 2 "--method is missing" compare
refused 2 "'magic' is no kind of method; there are prompt, taught, adapter, garment, warp" compare --method magic:x
refused 2 "method 'taught': model is missing: write model=DIR" compare --method taught
refused 2 "method 'A': there is no setting 'stpes'" compare --method "A=prompt:steps=2,stpes=3"
refused 2 "method 'A': there is no setting 'seed'" compare --method "A=prompt:seed=3"
refused 2 "method 'A': --steps: 0 is out of range, allowed is 1 to 1000" compare --method "A=prompt:steps=0"
refused 2 "method 'A': another method has this name" compare --method "A=prompt" --method "A=prompt"
refused 2 "method 'prompt': a prompt is missing" compare --prompt "" --method prompt
refused 2 "--garment is missing" compare --method garment
refused 2 "methods of kind garment have no setting 'prompt'" compare --garment in/photo.png --method garment:prompt=red
refused 2 "methods of kind prompt have no setting 'attention'" compare --method prompt:attention=x
refused 2 "methods of kind warp have no setting 'steps'" compare --method "warp:a,generator=b,steps=3"
refused 2 "densepose is missing" compare --method "warp:a,generator=b"
refused 2 "there is no setting 'fit'" compare --garment in/photo.png --method garment:fit=app
refused 2 "--mask auto:hat: 'hat' is not one of" compare --mask auto:hat --method prompt
refused 2 "'m.json' is a file" compare --method prompt -o m.json
refused 1 "cannot open 'none.json'" compare --methods none.json
echo '{"methods": [7]}' >bad.json
refused 1 "'bad.json': a method is an object" compare --methods bad.json
echo '{"methods": [{"kind": "prompt", "steps": {}}]}' >bad.json
refused 2 "steps must be text, a number" compare --methods bad.json
png in/tall.png 40 90 photo
refused 1 "must show the same person in a picture of the same shape" compare --method prompt --reference in/tall.png
[ ! -e c ] || fail "a refusal leaves a folder"
mkdir c
echo '{"format": "other"}' >c/compare.json
refused 1 "is no record of a comparison" compare --method prompt
rm -r c

# --- interrupted -------------------------------------------------------------------------------------------------------

interrupt "c/pictures/prompt-alone-7.png" "$drape" compare --image in/photo.png --mask in/mask.png --model "$model" \
    --prompt "red t-shirt" --steps 9 --seed 7 --threads 1 -o c --num-images 100 --method prompt
grep -q "the same command goes on from there" err || fail "no word on going on: $(cat err)"
made=$(ls c/pictures | wc -l)
[ "$made" -lt 100 ] || fail "it was not interrupted"
[ ! -e c/compare.html ] || fail "an interrupted run writes a page"
is "$made" "len(r['methods'][0]['results'])"
[ "$(ls c)" = $'compare.json\nmask.png\npictures' ] || fail "left behind: $(ls c)"
! ls c/pictures | grep -v '^prompt-alone-[0-9]*\.png$' >err || fail "left behind: $(cat err)"
echo "test_compare.sh: works"
