#!/usr/bin/env bash
# A single file in place of a folder, in every command; another VAE, vocabulary and the moving average; .bin in folders.
#   test_single_file.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"
tensors() { python3 "$root/tests/cli/tensors.py" "$@"; }
vae=vae/diffusion_pytorch_model.safetensors
unet=unet/diffusion_pytorch_model.safetensors
# what no file of SD 1 says is as in SD 1
sed -e 's/"pad_token": "!"/"pad_token": "<|endoftext|>"/' -e 's/"sample_size": 8/"sample_size": 64/' \
    -e 's/"class":/"set_alpha_to_one": false, "steps_offset": 1, "skip_prk_steps": true, &/' \
    "$root/tests/data/ldm-arch.json" >arch.json
"$drape" init --arch arch.json --seed 1 -q folder >out
"$drape" convert -q "$model" nano.safetensors >out

picture() { # NAME MODEL FLAGS...: made to NAME.png, of pixels alone: what is written beside them names the model
    local name=$1
    model=$2 dressed --size 64x64 "${@:3}"
    python3 - r.png "$name.png" <<'END'
import struct, sys
data, out, at = open(sys.argv[1], "rb").read(), b"", 8
while at < len(data):
    n, kind = struct.unpack(">I4s", data[at:at + 8])
    out += data[at:at + 12 + n] if kind in (b"IHDR", b"IDAT") else b""
    at += 12 + n
open(sys.argv[2], "wb").write(out)
END
    rm r.png
}
same() { # A B
    cmp -s "$1.png" "$2.png" || fail "$1 and $2 are different pictures"
}
apart() {
    ! cmp -s "$1.png" "$2.png" || fail "$1 and $2 are the same picture"
}

# --- safetensors and ckpt, the plain weights and their average ---
cp -r folder averaged
tensors averaged/$unet folder/$unet --scale 0.9
"$drape" convert -q folder one.safetensors >out
"$drape" convert -q averaged two.safetensors >out
tensors one.ckpt one.safetensors --ema two.safetensors --state-dict
picture folder folder
picture averaged averaged
apart folder averaged
picture one one.safetensors
same folder one
picture ckpt one.ckpt
same folder ckpt
picture ema one.ckpt --ema
same averaged ema
refused 1 'folders have none' "$drape" tryon --model folder --ema --image in/photo.png --mask in/mask.png -o r.png

# --- vocabularies: CLIP's comes along, and is told apart from the model's ---
cp -r folder few # single characters alone
python3 - few <<'END'
import json, sys
tokenizer, config = sys.argv[1] + "/tokenizer/", sys.argv[1] + "/text_encoder/config.json"
vocab = sorted(json.load(open(tokenizer + "vocab.json")).items(), key=lambda v: v[1])
names = [v[0] for v in vocab[:512] + vocab[-2:]]
json.dump({name: i for i, name in enumerate(names)}, open(tokenizer + "vocab.json", "w"))
open(tokenizer + "merges.txt", "w").write("#version: 0.2\n")
settings = json.load(open(config))
settings.update(vocab_size=514, bos_token_id=512, eos_token_id=513)
json.dump(settings, open(config, "w"))
END
tensors few/text_encoder/model.safetensors folder/text_encoder/model.safetensors --rows token_embedding=514
tensors few.ckpt one.safetensors --rows token_embedding=514
model=few.ckpt refused 1 'a single file brings no vocabulary' dress
picture few few
picture few-file few.ckpt --tokenizer few/tokenizer
same few few-file
picture few-file few.ckpt --tokenizer few
same few few-file

# --- another VAE: its folder, a pipeline, files under diffusers' and LDM's names, of mixed types ---
cp -r folder blurred
tensors blurred/$vae folder/$vae --scale 1.1 --type e=f16
"$drape" convert -q blurred blurred.safetensors >out
tensors ldm.pt blurred.safetensors --only first_stage_model.
tensors bare.vae blurred/$vae --type bias=f64 --type norm=f64
picture blurred blurred
apart folder blurred
for other in blurred/vae blurred blurred/$vae blurred.safetensors ldm.pt bare.vae; do
    picture other folder --vae $other
    same blurred other
    picture other one.ckpt --vae $other
    same blurred other
done
refused 1 'there is no such folder or file' "$drape" tryon --model folder --vae nowhere --image in/photo.png \
    --mask in/mask.png -o r.png
mkdir empty
refused 1 'it has no config.json' "$drape" tryon --model folder --vae empty --image in/photo.png --mask in/mask.png \
    -o r.png

# --- .bin in folders, whole and in pieces ---
cp -r folder bins
tensors bins/vae/diffusion_pytorch_model.bin bins/$vae
tensors bins/text_encoder/pytorch_model.bin bins/text_encoder/model.safetensors
tensors bins/unet/a.bin bins/$unet --only down
tensors bins/unet/all.safetensors bins/$unet
python3 - bins/unet <<'END'
import json, struct, subprocess, sys
dir = sys.argv[1]
data = open(dir + "/all.safetensors", "rb").read()
names = [k for k in json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])]
first = sorted({n.split(".")[0] for n in names} - {"down_blocks"})
map = {n: ("a" if n.startswith("down") else n.split(".")[0]) + ".bin" for n in names}
json.dump({"weight_map": map}, open(dir + "/diffusion_pytorch_model.bin.index.json", "w"))
open(dir + "/parts", "w").write(" ".join(first))
END
for part in $(cat bins/unet/parts); do tensors bins/unet/$part.bin bins/$unet --only $part.; done
rm bins/$vae bins/$unet bins/unet/all.safetensors bins/unet/parts bins/text_encoder/model.safetensors
picture bins bins
same folder bins

# --- training: the same steps from each, and a whole folder at the end ---
mkdir images masks
png images/coat_1.png 40 60 photo
png masks/coat_1.png 40 60 box
train() { # OUT MODEL FLAGS...
    "$drape" train --pretrained_model_name_or_path "$2" --instance_data_dir images --instance_masks_data_dir masks \
        --output_dir "$1" --resolution 32 --max_train_steps 2 --seed 3 --threads 1 -q "${@:3}"
}
equal_tensors() { # `text_model.` may be there or not
    python3 - "$1" "$2" <<'END'
import json, struct, sys
def load(name):
    data = open(name, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    return {k.removeprefix("text_model."): (v["dtype"], data[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]])
            for k, v in json.loads(data[8:8 + n]).items() if k != "__metadata__"}
sys.exit(load(sys.argv[1]) != load(sys.argv[2]))
END
}
expect 0 taught train taught folder
expect 0 taught-file train taught-file one.ckpt
expect 0 taught-bins train taught-bins bins
expect 0 taught-vae train taught-vae folder --vae blurred.safetensors --max_train_steps 1
for other in taught-file taught-bins; do
    [ -z "$(find $other -name '*.bin')" ] || fail "$other has pickles in it"
    for part in unet vae text_encoder; do
        equal_tensors taught/$part/*.safetensors $other/$part/*.safetensors || fail "another $part in $other"
    done
    cmp taught/tokenizer/vocab.json $other/tokenizer/vocab.json
done
equal_tensors blurred/$vae taught-vae/$vae || fail "not the VAE that was asked for in taught-vae"
picture taught taught
picture taught-file taught-file
same taught taught-file
expect 1 'a single file brings no vocabulary' train taught-none few.ckpt
[ ! -e taught-none ] || fail 'a refused training leaves a folder'

# --- the rest ---
expect 0 'SD 1.x inpainting' "$drape" info one.ckpt
expect 0 'guided UNet step' "$drape" bench --model one.ckpt --size 64x64 --runs 1 --stages unet
expect 0 '' "$drape" verify --model nano.safetensors "$root/tests/golden/nano-cases/unet.safetensors"

echo ok
