#!/usr/bin/env bash
# Broken files, a full disk, little memory, interruptions: one clear sentence, the right exit status, nothing left behind.
#   test_faults.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"

# --- photos and masks ---
png in/black.png 90 70 black
png in/white.png 90 70 white
png in/tall.png 70 90 box
echo 'not a picture' >in/text.png
head -c 700 in/photo.png >in/short.png
: >in/empty.png
cp in/photo.png 'in/50% of "it".png'
before=$(files)
refused 1 "in/none.png" tryon in/none.png in/mask.png
refused 1 "'in/text.png'" tryon in/text.png in/mask.png
refused 1 "'in/short.png'" tryon in/short.png in/mask.png
refused 1 "the file is empty" tryon in/empty.png in/mask.png
refused 1 "'in/none.png'" tryon in/photo.png in/none.png
refused 1 "'in/text.png'" tryon in/photo.png in/text.png
refused 1 "'in/black.png'" tryon in/photo.png in/black.png
refused 1 "70x90" tryon in/photo.png in/tall.png
refused 1 "all black after shrinking" dress --mask-grow -40
refused 1 "multiples of 4" dress --size 30x30
refused 1 "'in/text.png'" dress --lora in/text.png
refused 1 "'in/none.safetensors'" dress --lora in/none.safetensors:0.5
nothing_left
expect 0 "warning" tryon in/photo.png in/white.png
rm r.png
expect 0 "r.png" tryon 'in/50% of "it".png' in/mask.png
rm r.png

# --- models ---
cp -RL "$model" whole
before=$(files)
spoil() { # FILE PYTHON: a copy of the model whose FILE's bytes `b` went through PYTHON
    rm -rf broken
    cp -R whole broken
    python3 - "broken/$1" "$2" <<'END'
import json, struct, sys
b = bytearray(open(sys.argv[1], "rb").read())
def at(name):  # where a tensor's bytes start
    start = 8 + struct.unpack("<Q", b[:8])[0]
    return start + json.loads(b[8:start])[name]["data_offsets"][0]
scope = {"b": b, "at": at}
exec(sys.argv[2], scope)
open(sys.argv[1], "wb").write(scope["b"])
END
}
unfit() { # WORDS FILE PYTHON: such a model is refused in WORDS
    spoil "$2" "$3"
    refused 1 "$1" dress --model broken
    nothing_left
}
unet=unet/diffusion_pytorch_model.safetensors
vae=vae/diffusion_pytorch_model.safetensors
nan() { # NAME: that tensor's first half-precision value is not a number
    echo "k = at('$1'); b[k:k + 2] = b'\xff\x7f'"
}
unfit "$unet" $unet 'del b[-100:]'
unfit "$unet" $unet 'del b[5:]'
unfit "$unet" $unet 'b = b""'
unfit "$unet" $unet 'b[:8] = b"\xff" * 8'
unfit "'conv_in.weight'" $unet 'b = b.replace(b"conv_in.weight", b"conv_im.weight")'
unfit "'conv_in.weight'" $unet 'b = b.replace(b"[8,9,3,3]", b"[9,8,3,3]")'
unfit "'conv_in.weight' contains NaN" $unet "$(nan conv_in.weight)"
unfit "'conv_in.bias' contains NaN" $unet "$(nan conv_in.bias)"
unfit "'encoder.conv_in.weight'" $vae "$(nan encoder.conv_in.weight)"
unfit "'decoder.conv_out.weight'" $vae "$(nan decoder.conv_out.weight)"
unfit "mlp.fc1.weight" text_encoder/model.safetensors "$(nan encoder.layers.0.mlp.fc1.weight)"
unfit "text_encoder" text_encoder/model.safetensors 'b[8] = 0'
unfit "unet/config.json" unet/config.json 'b = b"{"'
unfit '"sample_size"' unet/config.json 'b = b.replace(b"\"sample_size\": 8", b"\"sample_size\": 3e99")'
unfit "takes 9 channels, expected 4" unet/config.json 'b = b.replace(b"\"in_channels\": 9", b"\"in_channels\": 4")'
unfit "takes 8 channels and gives 4" unet/config.json 'b = b.replace(b"\"in_channels\": 9", b"\"in_channels\": 8")'
unfit '"act_fn"' vae/config.json 'b = b.replace(b"silu", b"gelu")'
unfit '"hidden_act"' text_encoder/config.json 'b = b.replace(b"\"gelu\"", b"\"swish\"")'
unfit "scheduler_config.json" scheduler/scheduler_config.json 'b = b.replace(b"scaled_linear", b"scaled_banana")'
unfit "vocab.json" tokenizer/vocab.json 'b = b"[1, 2]"'
unfit "merges.txt" tokenizer/merges.txt 'b = b[:5000] + b"\xff\xfe" + b[5002:]'
unfit "which has no unet" model_index.json 'b = b.replace(b"Inpaint", b"Upscale").replace(b"\"unet\"", b"\"dit\"")'
for part in unet vae text_encoder tokenizer scheduler; do
    rm -rf broken
    cp -R whole broken
    rm -r broken/$part
    refused 1 "$part" dress --model broken
    rm -rf broken
    cp -R whole broken
    find broken/$part -type f -delete
    refused 1 "$part" dress --model broken
done
nothing_left

# A flipped bit anywhere in what is parsed: refused in one line, or of no account; never a crash.
for n in $(seq 1 40); do
    case $((n % 4)) in
    0) file=$unet last=3000 ;;
    1) file=$vae last=3000 ;;
    2) file=unet/config.json last=1400 ;;
    3) file=tokenizer/vocab.json last=3000 ;;
    esac
    spoil $file "b[$n * 7919 % $last] ^= 1 << $n % 8"
    got=0
    dress --model broken >out 2>err || got=$?
    [ $got -le 1 ] || fail "bit $n of $file: exit status $got"
    [ $got = 0 ] || [ "$(wc -l <err)" = 1 ] || fail "bit $n of $file: more than one line"
    rm -f r.png
    nothing_left
done

# --- a full disk: files may be that long and no longer ---
refused 1 "'r.png'" limited 1 dress
nothing_left
cat >arch.json <<'END'
{"unet": {"sample_size": 8, "in_channels": 9, "block_out_channels": [32], "cross_attention_dim": 4,
  "down_block_types": ["CrossAttnDownBlock2D"], "up_block_types": ["CrossAttnUpBlock2D"]},
 "vae": {"block_out_channels": [32], "sample_size": 16},
 "text_encoder": {"vocab_size": 49408, "hidden_size": 4, "intermediate_size": 8, "num_hidden_layers": 1,
  "num_attention_heads": 2}, "scheduler": {"class": "DDIMScheduler"}}
END
before=$(files)
refused 1 "made" limited 300 "$drape" init --arch arch.json -q made
[ ! -e made ] && ! ls -d made.* 2>said || fail "an init without room leaves something"
nothing_left

# --- little memory: what starts at all says what it lacks ---
for kib in 160000 200000 240000 280000 320000 400000 600000 1000000; do
    (ulimit -v $kib && "$drape" --version >out 2>err) 2>said || continue
    got=0
    (ulimit -v $kib && dress >out 2>err) || got=$?
    [ $got -le 1 ] || fail "with $kib KiB of addresses: exit status $got"
    [ $got = 0 ] || grep -q "memory" err || fail "with $kib KiB of addresses it does not say that memory is lacking"
    rm -f r.png
    nothing_left
done

# --- Ctrl-C ---
interrupt r-preview.png "$drape" tryon --model "$model" --image in/photo.png --mask in/mask.png --steps 900 \
    --scheduler ddim --preview-every 1 --threads 1 -q -o r.png
[ ! -e r.png ] || fail "an interrupted try-on leaves its result"
grep -q "cancelled\|interrupted" err || fail "an interruption is not named"
rm r-preview.png
nothing_left
if [ "$(df -Pk . | awk 'NR == 2 { print $4 }')" -gt 6000000 ]; then
    interrupt 'made.tmp-*/unet/*' "$drape" init --arch sd2-inpainting --dtype f16 -q made
    [ ! -e made ] && ! ls -d made.* 2>said || fail "an interrupted init leaves something"
    nothing_left
fi
echo "faults: works"
