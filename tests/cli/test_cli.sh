#!/usr/bin/env bash
# The command line: its help, its errors, and what the commands write, with a very small model.
#   test_cli.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"

# --- help and usage ---
refused 2 "unknown command 'dance'" "$drape" dance
expect 2 'usage: drape COMMAND' "$drape"
expect 0 'usage: drape COMMAND' "$drape" --help
expect 0 'drape 0.' "$drape" --version
for asked in --version version; do
    expect 0 '"version": "0.' "$drape" $asked --json
    python3 -c 'import json, sys
j = json.load(sys.stdin)
assert j["compiler"] and j["threads"] >= 1 and j["backends"]["ref"] == "plain C" and j["data"]["parser"], j' <out || fail "$asked --json: $(cat out)"
    refused 2 'takes --json and nothing else' "$drape" $asked --yaml
done
DRAPE_BACKEND=ref "$drape" --version --json >out
! grep -q onednn out || fail "a backend that is turned off is named: $(cat out)"
expect 0 '"instruction_set"' "$drape" info --json
commands=$("$drape" --help | sed -n 's/^  \([a-z]*\) .*/\1/p')
[ "$(wc -w <<<"$commands")" -ge 6 ] || fail "only these commands: $commands"
for command in $commands; do
    expect 0 "usage: drape $command" "$drape" "$command" --help
    grep -q '^example:' out || fail "no example in $command --help"
    expect 0 "usage: drape $command" "$drape" help "$command"
    refused 2 "unknown option '--no-such-thing'" "$drape" "$command" --no-such-thing
done
expect 0 'mostly 50, 1 to 1000)' "$drape" tryon --help
refused 2 '--output is missing' "$drape" tryon
refused 2 '--image is missing' "$drape" tryon --model m -o r.png --mask m.png
refused 2 '--mask is missing' "$drape" tryon --model m -o r.png --image i.png
refused 2 '--seed needs a value' dress --seed
refused 2 '--steps: 0 is out of range, allowed is 1 to 1000' dress --steps 0
refused 2 'few' dress --steps few
refused 2 "'magic' is not one of pndm|" dress --scheduler magic
refused 2 'a size like 512x768' dress --size 32
refused 2 'allowed is 1 to 4096' dress --size 512x4100
refused 2 'allowed is above 0 and at most 1' dress --strength 0
refused 2 'on or off' dress --paste maybe
refused 2 '--karras takes no value' dress --karras=1
refused 2 "'hat' is not one of upper|lower|dress|outer" dress --mask auto:hat
refused 2 'give one mask for all photos' dress --mask in/mask.png --mask in/mask.png
refused 2 'must be a folder' dress --image in/photo.png
refused 2 'no case given' "$drape" verify --model "$model"

# --- faults that are told before any work: even the model is not there ---
refused 2 '--output must end with .png' dress --model nowhere -o r.txt
refused 1 "there is no folder 'nowhere'" dress --model nowhere -o nowhere/r.png
refused 1 'would replace the photo' dress --model nowhere -o in
refused 1 'would replace the photo' dress --model nowhere -o in/photo.png
refused 1 'would replace the mask' dress --model nowhere -o in/mask.png
refused 1 "--output and --save-mask would both be 'r.png'" dress --model nowhere --save-mask r.png
cp in/photo.png photo.png
refused 1 "would both become 'results/photo.png'" dress --model nowhere --image photo.png -o results/
[ ! -e results ] || fail "a folder in spite of the failure"

# --- results ---
dressed
[ "$(cat said)" = r.png ] || fail "says '$(cat said)' instead of the result's name"
[ "$(size r.png)" = 90x70 ] || fail "the result has another size than the photo"
grep -aq 'parameters' r.png || fail "the PNG has no parameters"
grep -aq 'Steps: 2, Sampler: .*CFG scale: 7.5, Seed: 7, Size: 90x70, .*Model: nano, Version: drape' r.png ||
    fail "the parameters are not those of the run"
mv r.png first.png
dressed
cmp r.png first.png || fail "the same seed gives another picture"
dressed --num_inference_steps 2 --guidance_scale=7.5 --mask_blur -1
cmp r.png first.png || fail "options with _ mean something else than with -"
dressed --guidance-start 0 --guidance-end 1
cmp r.png first.png || fail "guidance from 0 to 1 is something else than guidance"
dressed --guidance-start 0.5
! cmp -s r.png first.png || fail "--guidance-start changes nothing"
grep -aq 'Guidance interval: 0.5-1' r.png || fail "the parameters do not say when guidance began"

dressed --cache-interval 1
cmp r.png first.png || fail "--cache-interval 1 is not the default"
dressed --cache-interval 2
! cmp -s r.png first.png || fail "--cache-interval changes nothing"
refused 1 "cache_branch is 40, but this model's UNet has branches 0 to 5" dress --cache-interval 2 --cache-branch 40

dressed --cache-threshold 0
cmp r.png first.png || fail "--cache-threshold 0 is not the default"
dressed --steps 8 --cache-threshold 0.5
grep -aq 'Cache threshold: 0.5, Cached part: 0-1, Skipped calls: [1-4]' r.png || fail "--cache-threshold leaves no call out"
refused 1 "leave one of them out" dress --cache-interval 2 --cache-threshold 0.1

# --- presets: a row of defaults, which what is said goes before ---
plain() { # [OPTION...], without steps
    "$drape" tryon --model "$model" --image in/photo.png --mask in/mask.png --prompt "red t-shirt" --seed 7 --threads 1 \
        -q -o r.png "$@" >said 2>err || fail "'$*' failed: $(cat err)"
}
plain --preset fast
grep -aq 'Steps: 10, Sampler: unipc, .*Guidance interval: 0-0.5' r.png || fail "--preset fast is something else"
mv r.png fast.png
plain --scheduler unipc --steps 10 --guidance-end 0.5 --precision auto --cache-interval 2 --cache-start 0.2
cmp r.png fast.png || fail "--preset fast is not the row that the manual says"
plain --preset balanced --steps 3 --guidance-end 1
grep -aq 'Steps: 3, Sampler: dpm++2m karras,' r.png || fail "--steps does not go before the preset"
! grep -aq 'Guidance interval' r.png || fail "--guidance-end does not go before the preset"
grep -aq 'Cache interval: 2, Cache branch: 0, Cached part: 0.2-1' r.png || fail "--preset balanced has no cache"
plain --preset balanced --steps 3 --no-karras --cache-interval 1
grep -aq 'Steps: 3, Sampler: dpm++2m,' r.png || fail "--no-karras does not go before the preset"
! grep -aq 'Cache' r.png || fail "--cache-interval does not go before the preset"
plain --preset balanced --steps 8 --cache-threshold 0.5
! grep -aq 'Cache interval' r.png || fail "--cache-threshold does not go before the preset's cache"
grep -aq 'Cache threshold: 0.5, Cached part: 0.2-1' r.png || fail "--preset balanced with a threshold leaves no call out"
plain --preset exact --steps 2
mv r.png exact.png
plain --steps 2
cmp r.png exact.png || fail "--preset exact is not the default"
refused 2 "preset" dress --preset slow
cp -RL "$model" few
sed -i '0,/{/s//{ "_drape_steps": 4, "_drape_guidance_scale": 3,/' few/scheduler/scheduler_config.json
plain --model few --preset fast
grep -q 'made for 4 steps of .*, and stays with them: of the preset only the precision counts' err ||
    fail "a model made for few steps does not say what a preset is worth: $(cat err)"
grep -aq 'Steps: 4, ' r.png || fail "a preset overrules a model that is made for few steps"
! grep -aq 'karras\|Guidance interval' r.png || fail "a preset overrules a model that is made for few steps"

refused 1 "guidance_start is 0.6 and guidance_end 0.2: guidance cannot end before it begins" dress --guidance-start 0.6 \
    --guidance-end 0.2
dressed --seed 8
! cmp -s r.png first.png || fail "another seed gives the same picture"
dressed --paste off --size 40x32
[ "$(size r.png)" = 40x32 ] || fail "--paste off gives another size than --size"

while read -r ending bytes; do
    dressed -o "r.$ending"
    [ "$(head -c 3 "r.$ending" | od -An -tx1 | tr -d ' ')" = "$bytes" ] || fail "r.$ending is something else"
done <<'END'
jpg ffd8ff
webp 524946
tif 49492a
END

dressed --num-images 2 -o n.png
[ "$(tr '\n' ' ' <said)" = "n-1.png n-2.png " ] || fail "two pictures are called $(cat said)"
cmp n-1.png first.png || fail "the first of two pictures has another seed"
! cmp -s n-1.png n-2.png || fail "the second picture is the first"
[ ! -e n.png ] || fail "three pictures instead of two"

dressed --preview-every 1 -o p.png
[ "$(size p-preview.png)" = 32x32 ] || fail "no preview"

# However the camera was turned, the picture is upright, and so must be the mask.
png in/turned-mask.png 48 32 box
for n in 1 6 8; do
    "$drape" tryon --model "$model" --image "$root/tests/data/images/orientation-$n.jpg" --mask in/turned-mask.png \
        --steps 1 --threads 1 -q -o "up-$n.png" >said 2>err || fail "orientation $n failed"
    [ "$(size "up-$n.png")" = 48x32 ] || fail "orientation $n: $(size "up-$n.png")"
done

# --- several photos ---
mkdir masks
cp in/mask.png masks/photo.png
png in/other.png 60 60 photo
png masks/other.png 60 60 box
echo 'not a picture' >in/broken.png
cp in/mask.png masks/broken.png
cp in/photo.png in/lonely.png
expect 1 "no mask named 'lonely' in folder 'masks'" "$drape" tryon --model "$model" --image in/photo.png \
    --image in/broken.png --image in/lonely.png --image in/other.png --mask masks --steps 1 --threads 1 -q -o many/
grep -q "in/broken.png.*no JPEG, PNG" err || fail "the broken photo is not named"
[ "$(ls many | tr '\n' ' ')" = "other.png photo.png " ] || fail "these were made: $(ls many)"
[ "$(cat out | tr '\n' ' ')" = "many/photo.png many/other.png " ] || fail "these were said: $(cat out)"
[ "$(size many/other.png)" = 60x60 ] || fail "photos were mixed up"

# --- machine-readable results ---
json() {
    "$@" >out 2>err || fail "'$*' failed"
    python3 -m json.tool out >/dev/null || fail "'$*' prints no JSON"
}
json dress --json
grep -q '"seed": 7' out || fail "no seed in the JSON"
json "$drape" info --json "$model"
json "$drape" info --json "$model/unet/diffusion_pytorch_model.safetensors"
json "$drape" verify --json --threads 1 --model "$model" "$model"-cases/unet.safetensors
json "$drape" bench --json --threads 1 --model "$model" --size 32x32 --runs 1
expect 0 'conv_in.weight' "$drape" info "$model/unet/diffusion_pytorch_model.safetensors"
expect 0 'SegFormer' "$drape" info "$root/tests/golden/segformer-nano"
json "$drape" info --json "$root/tests/golden/segformer-nano"
expect 0 'threads' "$drape" info
refused 1 "cannot open 'nowhere'" "$drape" info nowhere

# --- verify ---
expect 0 '2 passed, 0 failed' "$drape" verify --threads 1 --model "$model" --out got \
    "$model"-cases/unet.safetensors "$model"-cases/tokenize.safetensors
"$drape" info got/unet.safetensors | grep -q 'got/sample' || fail "no computed values in --out"
python3 - "$model"-cases/unet.safetensors wrong.safetensors <<'END'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
start = 8 + struct.unpack("<Q", data[:8])[0]
at = start + json.loads(data[8:start])["want/sample"]["data_offsets"][0]
data[at:at + 4] = struct.pack("<f", struct.unpack("<f", data[at:at + 4])[0] + 0.01)
open(sys.argv[2], "wb").write(data)
END
expect 1 '1 passed, 1 failed' "$drape" verify --threads 1 --model "$model" wrong.safetensors "$model"-cases/unet.safetensors
grep -q '^FAIL *wrong.safetensors' out || fail "the wrong case is not named"

# --- init ---
cat >arch.json <<'END'
{"seed": 3, "pad_token": "!",
 "unet": {"sample_size": 8, "in_channels": 9, "out_channels": 4, "layers_per_block": 1, "block_out_channels": [8, 8],
  "attention_head_dim": 2, "cross_attention_dim": 4, "norm_num_groups": 4,
  "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"]},
 "vae": {"block_out_channels": [8, 8], "norm_num_groups": 4, "sample_size": 16, "latent_channels": 4,
  "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D"],
  "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D"]},
 "text_encoder": {"vocab_size": 49408, "hidden_size": 4, "intermediate_size": 8, "num_hidden_layers": 1,
  "num_attention_heads": 2, "hidden_act": "gelu"},
 "scheduler": {"class": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}}
END
expect 0 'made' "$drape" init --arch arch.json --dtype f16 -q made
"$drape" init --arch arch.json --dtype f16 -q --threads 1 again >/dev/null
diff -r made again || fail "the same seed gives other weights"
"$drape" init --arch arch.json --dtype bf16 --seed 4 -q third >/dev/null
! cmp -s made/vae/diffusion_pytorch_model.safetensors third/vae/diffusion_pytorch_model.safetensors ||
    fail "another seed gives the same weights"
expect 0 'in_channels' "$drape" info made
dressed --model made
refused 1 'made' "$drape" init --arch arch.json -q made
diff -r made again || fail "a refused init changed the folder"
refused 1 'nothing' "$drape" init --arch nothing.json -q fourth
refused 2 'give one folder' "$drape" init --arch arch.json
[ ! -e fourth ] && ! ls -d ./*.tmp-* 2>err || fail "a refused init leaves something"

# --- pull and closed output ---
HF_HUB_OFFLINE=1 refused 1 'offline' "$drape" pull somebody/something pulled
[ ! -e pulled ] || fail "an offline pull leaves something"
expect 1 'standard output' bash -c "'$drape' info '$model' >/dev/full"
echo "cli: works"
