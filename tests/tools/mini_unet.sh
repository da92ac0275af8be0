#!/usr/bin/env bash
# The training of the small model's UNet from outside: from photos to a pipeline folder, stopped and resumed bit for bit.
#   mini_unet.sh MINI_UNET PARSER_LABEL DRAPE MINI_MADE MINI_VAE
set -euo pipefail
program=$(realpath "${1:?usage: mini_unet.sh MINI_UNET PARSER_LABEL DRAPE MINI_MADE MINI_VAE}")
label=$(realpath "$2")
drape=$(realpath "$3")
made=$(realpath "$4")
vae=$(realpath "$5")
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export DRAPE_CACHE_DIR=$dir/cache
cd "$dir"

fail() {
    echo "mini_unet: $*" >&2
    [ ! -s err ] || sed 's/^/    /' err >&2
    exit 1
}

# Two people for training, one for looking; the parser labels them all.
mkdir -p data/photos
for i in 1 2 3; do cp "$root/examples/astronaut.jpg" data/photos/$i.jpg; done
echo '{"0": "null", "24": "jacket", "19": "hair", "41": "skin"}' >data/labels.json
echo '{"image_level": {"1": [0, 24, 19], "2": [0, 24, 19], "3": [0, 24, 19]}}' >data/image_tags.json
"$label" --data data --model "$root/models/mini/parser" --out data 2>err || fail "parser_label failed"
grep -q '"train"' data/splits.json || fail "parser_label lists nothing"
echo '{"train": ["1", "2"], "test_open": ["3"]}' >data/splits.json
echo '{"pixel_level": {"1": [0, 24], "2": [0, 24], "3": [0, 24]}}' >data/image_tags.json

cat >arch.json <<'END'
{"unet": {"in_channels": 9, "out_channels": 4, "sample_size": 32, "layers_per_block": 1, "norm_num_groups": 4,
  "block_out_channels": [8, 8, 16, 16], "attention_head_dim": 2, "cross_attention_dim": 16,
  "use_linear_projection": true,
  "down_block_types": ["DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
  "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"]},
 "vae": {"block_out_channels": [8, 8, 8, 16], "latent_channels": 4, "layers_per_block": 1, "norm_num_groups": 4,
  "mid_block_add_attention": false, "sample_size": 256, "scaling_factor": 1.0,
  "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
  "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]},
 "text_encoder": {"vocab_size": 49408, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
  "num_attention_heads": 2, "max_position_embeddings": 77, "hidden_act": "gelu", "projection_dim": 16},
 "scheduler": {"class": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
  "num_train_timesteps": 1000, "prediction_type": "v_prediction"}}
END
"$drape" init --arch arch.json --quiet base >/dev/null 2>err || fail "init failed"

train() { # OUT STEPS FLAGS...
    "$program" --photos data --vae base --arch arch.json --output "$1" --steps "$2" --batch 2 --fresh 1 --pool 600 \
        --cool 0 --warmup 2 --look-every 2 --look-examples 2 --threads 1 "${@:3}" >"$1.out" 2>err
}
works() {
    train "$@" || fail "'$*' failed"
}
refused() { # WORDS OUT STEPS FLAGS...
    ! train "${@:2}" || fail "'${*:2}' is not refused"
    grep -qF -- "$1" err || fail "'${*:2}': '$1' is not said"
}

works whole 4
works halves 2
rm halves/pool.bin # examples are made again, the same
works halves 4 --resume
for f in checkpoint-4/{state.json,{unet/diffusion_pytorch_model,text_encoder/model,optimizer,ema}.safetensors} \
    model/{unet/diffusion_pytorch_model,text_encoder/model}.safetensors; do
    cmp "whole/$f" "halves/$f" || fail "a resumed run differs in $f"
done
grep -q '"test_loss"' whole/train.jsonl || fail "there is no loss of test photos"
cmp whole/model/vae/diffusion_pytorch_model.safetensors base/vae/diffusion_pytorch_model.safetensors ||
    fail "the VAE is not the one that was trained with"

# what comes out is a pipeline
"$drape" tryon --model whole/model --image "$root/examples/astronaut.jpg" --mask "$root/examples/astronaut_mask.png" \
    --prompt "a red jacket" --steps 2 --quiet -o out.png >/dev/null 2>err || fail "tryon does not take the model"

# the few-step stage: walks and a critic, the text encoder as it was, and the UNet that it began as kept beside
train steps 9 --init whole/model --freeze-text --keep-base --batch 5 --walks 4 --pull 0.5 --critic-warmup 1 ||
    fail "the few-step stage failed"
grep -q '"late":0.*"critic"' steps/train.jsonl || fail "no late walks or no critic in the log"
cmp steps/model/unet_base/diffusion_pytorch_model.safetensors whole/model/unet/diffusion_pytorch_model.safetensors ||
    fail "unet_base is not what the stage began as"
! cmp -s steps/model/unet/diffusion_pytorch_model.safetensors whole/model/unet/diffusion_pytorch_model.safetensors ||
    fail "the stage has changed nothing"
cmp steps/model/text_encoder/model.safetensors whole/model/text_encoder/model.safetensors ||
    fail "the text encoder has changed"
train steps 10 --init whole/model --freeze-text --keep-base --batch 5 --walks 4 --pull 0.5 --critic-warmup 1 --resume ||
    fail "the few-step stage does not go on"

# what the model makes of examples, always the same, and a decoder that learns from it: latents stay
makes() {
    "$made" --model whole/model --photos data --count 3 --threads 1 --output "$1" >/dev/null 2>err || fail "mini_made failed"
}
makes made.bin
makes again.bin
cmp made.bin again.bin || fail "the same model makes different latents"
paint() { # OUT STEPS FLAGS...
    "$vae" --photos data --config base/vae/config.json --init base/vae --freeze-encoder --pull 0.5 --critic-warmup 1 \
        --batch 2 --crop 32 --frame 64 --warmup 2 --cool 0 --look-every 0 --threads 1 --output "$1" --steps "$2" \
        "${@:3}" >/dev/null 2>err
}
paint painted 4 --made made.bin || fail "the decoder does not learn from what is made"
paint plain 4 || fail "the decoder does not learn"
! cmp -s painted/vae/diffusion_pytorch_model.safetensors plain/vae/diffusion_pytorch_model.safetensors ||
    fail "what is made teaches the decoder nothing"
paint paused 2 --made made.bin && paint paused 4 --made made.bin --resume || fail "the decoder's stage does not go on"
cmp painted/vae/diffusion_pytorch_model.safetensors paused/vae/diffusion_pytorch_model.safetensors ||
    fail "a resumed decoder differs"
head -c 1000 made.bin >cut.bin
! paint cut 4 --made cut.bin || fail "half a file is taken"
grep -q "cut.bin.*make it again" err || fail "half a file is not called that"
! paint odd 4 --made made.bin --pull 0 || fail "--made without --pull is taken"

# dressing from a garment's photo, begun as the model that has been taught words, with one transformer more
mkdir -p flats
for name in tshirt-1 outwear-2 dress-3; do cp "$root/examples/astronaut.jpg" flats/$name.jpg; done
sed 's/"DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"/"DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"/' \
    arch.json >more.json
pairs() { # OUT STEPS FLAGS...
    train "$1" "$2" --arch more.json --garments flats --grow --init whole/model --batch 3 --walks 1 --size 64 "${@:3}"
}
pairs dressed 4 || fail "it does not learn from pairs"
pairs paired 2 && pairs paired 4 --resume || fail "learning from pairs does not go on"
[ ! -e dressed/model/text_encoder ] && [ -e dressed/model/unet/config.json ] || fail "the result is not a net without words"
grep -q '"test_loss"' dressed/train.jsonl || fail "there is no loss of test pairs"
refused "no garments" other 4 --garments data/photos
refused "--grow needs --init" other 4 --garments flats --grow
refused "cannot read 'nowhere'" other 4 --garments nowhere

refused "--init" other 4 --freeze-text
refused "--init" other 4 --keep-base
refused "--walks" other 4 --walks 2
refused "add --resume" whole 5
refused 'made with lr = 0.0005, this run has 0.5' whole 5 --resume --lr 0.5
refused "--fresh" other 4 --fresh 3
refused "image_tags.json" other 4 --photos .
