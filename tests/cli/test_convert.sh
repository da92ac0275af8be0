#!/usr/bin/env bash
# drape convert: folders and single files there and back, adapters in and out, and what is refused, with very small models.
#   test_convert.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"
export SOURCE_DATE_EPOCH=0

# tensors A B: whether two safetensors files hold the same tensors
tensors() {
    python3 - "$@" <<'END'
import json, struct, sys
def load(name):
    data = open(name, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + n])
    head.pop("__metadata__", None)
    return {k: (v["dtype"], v["shape"], data[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]]) for k, v in head.items()}
a, b = map(load, sys.argv[1:])
sys.exit(0 if a == b else 1)
END
}

pixels() { # FILE.png: what is in it but the text, which names the model
    python3 -c 'import struct, sys, zlib
d, at, out = open(sys.argv[1], "rb").read(), 8, b""
while at < len(d):
    n, kind = struct.unpack(">I4s", d[at:at + 8])
    out += d[at + 8:at + 8 + n] if kind == b"IDAT" else b""
    at += 12 + n
print(zlib.crc32(zlib.decompress(out)))' "$1"
}

# --- there and back: tensors, settings and pictures ---
for kind in nano nano1; do
    source=$root/tests/golden/$kind
    expect 0 "$kind.safetensors" "$drape" convert "$source" $kind.safetensors
    [ ! -s err ] || fail "notes where there is nothing to note"
    expect 0 back-$kind "$drape" convert --tokenizer "$source" $kind.safetensors back-$kind
    "$drape" convert "$source" copy-$kind >out
    for part in unet/diffusion_pytorch_model vae/diffusion_pytorch_model text_encoder/model; do
        tensors back-$kind/$part.safetensors copy-$kind/$part.safetensors || fail "$part of $kind is another after it"
    done
    for config in unet vae text_encoder; do
        cmp back-$kind/$config/config.json copy-$kind/$config/config.json || fail "$config of $kind is another after it"
    done
    cmp back-$kind/tokenizer/vocab.json "$source/tokenizer/vocab.json"
    # as a checkpoint: the same folder again, file by file
    expect 0 "$kind.ckpt" "$drape" convert "$source" $kind.ckpt
    [ ! -s err ] || fail "notes where there is nothing to note"
    python3 -m zipfile -t $kind.ckpt >out || fail "the checksums of $kind.ckpt are wrong"
    ! grep -q archive out || fail "the checksums of $kind.ckpt are wrong"
    expect 0 ckpt-$kind "$drape" convert --tokenizer "$source" $kind.ckpt ckpt-$kind
    diff -r back-$kind ckpt-$kind || fail "$kind is another after a checkpoint"
done
"$drape" info --hash nano.safetensors >want
"$drape" info --hash nano.ckpt >got
sed -i '/nano/d' want got
cmp want got || fail 'a checkpoint has other tensors or metadata than safetensors'
for ending in pt pth; do
    "$drape" convert nano.safetensors nano.$ending >out
    cmp <("$drape" info --hash nano.pt) <("$drape" info --hash nano.$ending) || fail "another .$ending"
done
expect 0 other.ckpt "$drape" convert --dtype bf16 nano.ckpt other.ckpt
[ $(($(stat -c %s other.ckpt) * 3)) -lt $(($(stat -c %s nano.ckpt) * 4)) ] || fail 'bf16 is as large as f32'
tensors back-nano/unet/diffusion_pytorch_model.safetensors "$model/unet/diffusion_pytorch_model.safetensors" ||
    fail 'the UNet is another than the first one'
dressed
want=$(pixels r.png)
for other in back-nano copy-nano nano.safetensors nano.ckpt; do
    model=$other dressed
    [ "$(pixels r.png)" = "$want" ] || fail "another picture from $other"
done

# --- other types; single files are smaller then ---
expect 0 half.safetensors "$drape" convert --dtype bf16 nano.safetensors half.safetensors
[ $(($(stat -c %s half.safetensors) * 3)) -lt $(($(stat -c %s nano.safetensors) * 4)) ] || fail 'bf16 is as large as f32'
expect 0 '' "$drape" convert -q --vae back-nano1 nano.safetensors with-vae
tensors with-vae/vae/diffusion_pytorch_model.safetensors back-nano1/vae/diffusion_pytorch_model.safetensors ||
    fail 'not the VAE that was asked for'

# --- what a model has learnt, as an adapter: merged into the base it is the model ---
"$drape" init --arch "$root/tests/data/ldm-arch.json" --seed 1 -q base >out
"$drape" init --arch "$root/tests/data/ldm-arch.json" --seed 2 -q other >out
expect 0 'rank 4 holds' "$drape" convert --extract-lora base --rank 4 other lora.safetensors
expect 0 merged.safetensors "$drape" convert --lora lora.safetensors:0.5 base merged.safetensors
expect 0 'holds 100.0 %' "$drape" convert --dtype f32 --extract-lora base --rank 4 merged.safetensors again.safetensors
expect 0 '"modelspec.merged_from":"lora"' head -c 4000 merged.safetensors
expect 1 'do not differ' "$drape" convert --extract-lora base --rank 4 base none.safetensors

# --- what is refused ---
rm r.png
before=$(files)
refused 2 'give a model and what it is to become' "$drape" convert nano.safetensors
refused 2 'a model as one file ends in' "$drape" convert nano.safetensors nano.bin
refused 2 '--extract-lora needs --rank' "$drape" convert --extract-lora base other x.safetensors
refused 2 '--rank goes with --extract-lora' "$drape" convert --rank 3 other x.safetensors
refused 2 'an adapter is a file' "$drape" convert --extract-lora base --rank 3 other x
refused 2 'an adapter is a file' "$drape" convert --extract-lora base --rank 3 other x.ckpt
refused 2 'goes without --lora' "$drape" convert --extract-lora base --rank 3 --lora lora.safetensors other x.safetensors
refused 1 'it exists' "$drape" convert base nano.safetensors
refused 1 'it exists' "$drape" convert base nano.ckpt
refused 1 'not an empty folder' "$drape" convert nano.safetensors base
refused 1 'has no moving average' "$drape" convert --ema nano.safetensors x
refused 1 'was made for another model' "$drape" convert --lora lora.safetensors nano.safetensors x.safetensors
python3 - <<'END'
import json, struct
data = open("lora.safetensors", "rb").read()
n = struct.unpack("<Q", data[:8])[0]
head, body = json.loads(data[8:8 + n]), data[8 + n:]
head["bundle_emb.word.string_to_param.*"] = {"dtype": "F32", "shape": [1, 2], "data_offsets": [len(body), len(body) + 8]}
head = json.dumps(head).encode()
open("worded.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + body + bytes(8))
END
expect 0 'has embeddings with it' "$drape" convert --lora worded.safetensors base worded-model.safetensors
rm worded.safetensors worded-model.safetensors
refused 1 'it is a LoRA' "$drape" convert lora.safetensors x
refused 1 'the UNet of a pipeline folder' "$drape" convert base/unet/diffusion_pytorch_model.safetensors x
head -c 100000 nano.safetensors >cut.safetensors
refused 1 'cut short' "$drape" convert cut.safetensors x
rm cut.safetensors
refused 1 'cannot write' limited 200 "$drape" convert base full.safetensors
refused 1 'cannot write' limited 200 "$drape" convert base full.ckpt
refused 1 'cannot write' limited 200 "$drape" convert base full
nothing_left
