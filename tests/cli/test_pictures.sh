#!/usr/bin/env bash
# Photos and masks as people have them: masks that came as something else, masks too thin for the latents, folders that
# are called like pictures, and whose fault a failure is.
#   test_pictures.sh DRAPE
set -euo pipefail
. "$(dirname "$0")/common.sh"

# rgba FILE WIDTH HEIGHT PYTHON: a PNG whose pixel (x, y) is the 4 values of an expression; `hit` is in the middle box
rgba() {
    python3 - "$@" <<'END'
import struct, sys, zlib
name, w, h = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
f = compile(sys.argv[4], "pixel", "eval")
rows = b""
for y in range(h):
    rows += b"\0"
    for x in range(w):
        hit = w // 3 <= x < 2 * w // 3 and h // 3 <= y < 2 * h // 3
        p = [x * 37 % 256, y * 53 % 256, x * y % 256]  # as common.sh's photo
        rows += bytes(eval(f))
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
with open(name, "wb") as out:
    out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 6, 0, 0, 0)) +
              chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
END
}
rgba in/erased.png 90 70 '(*p, 0 if hit else 255)'
rgba in/red.png 90 70 '(255 if hit else 0, 0, 0, 255)'
rgba in/strokes.png 90 70 '(0, 0, 200, 110 if hit else 0)'
rgba in/redblue.png 90 70 '(255 * hit, 0, 255 * (not hit), 255)'

# --- what counts as a mask ---
tryon in/photo.png in/mask.png --save-mask want.png >said
for mask in erased red strokes; do
    tryon in/photo.png in/$mask.png --save-mask used.png >said 2>err || fail "$mask.png is not taken"
    cmp -s want.png used.png || fail "$mask.png is not the mask that it shows"
    [ ! -s err ] || fail "$mask.png gives a warning"
done
rm want.png used.png r.png
refused 1 "'in/photo.png' is a photo, not a mask" tryon in/photo.png in/photo.png
refused 1 "'in/redblue.png' is blue and red" tryon in/photo.png in/redblue.png
mkdir -p set/images set/masks
cp in/photo.png set/images/a.png
cp in/photo.png set/masks/a.png
train() {
    "$drape" train --pretrained_model_name_or_path "$model" --instance_data_dir set/images \
        --instance_masks_data_dir set/masks --output_dir made --resolution 32 --center_crop --max_train_steps 1 \
        --lora_rank 2 --threads 1 -q "$@"
}
expect 1 "'a.png' is a photo, not a mask" train
cp in/erased.png set/masks/a.png
expect 0 "" train
rm -r made

# --- what is thinner than a latent cell (4 pixels in this model) ---
rgba in/strap.png 32 32 '(*(3 * [255 * (y in (9, 10))]), 255)'
png in/small.png 32 32 photo
expect 0 "" tryon in/small.png in/strap.png --size 32x32 --region whole
[ ! -s err ] || fail "a strap is no reason for a warning where no part is too thin"
expect 0 "100 % of the mask falls between the samples" tryon in/small.png in/strap.png --size 32x32 --region whole \
    --paste off --num-images 2 -o two/
[ "$(wc -l <err)" = 1 ] || fail "the warning about a thin mask comes more than once"
rm -r two r.png
png set/images/a.png 32 32 photo
cp in/strap.png set/masks/a.png
expect 0 "100 % of mask 'a.png' is too thin" train
rm -r made
expect 0 "" train --mask_any_white
! grep -q "too thin" err || fail "with --mask_any_white no mask is too thin"
rm -r made

# --- folders that are called like pictures ---
mkdir set/images/old.jpg set/masks/gone.png
cp in/mask.png set/masks/a.png
cp in/photo.png set/images/a.png
expect 0 "" train
rm -r made
mkdir -p masks/photo.png many
cp in/mask.png masks/photo.jpg
echo "notes" >masks/photo.txt
tryon in/photo.png masks >said 2>err || fail "a folder in a folder of masks is in the way"
rm r.png
mkdir in/album.png
expect 0 "'in/album.png' is a folder, no photo: passed over" "$drape" tryon --model "$model" --image in/album.png \
    --image in/photo.png --mask in/mask.png --steps 1 -q --threads 1 -o many/
expect 1 "'in/album.png'" tryon in/album.png in/mask.png
DRAPE_PARSER=$root/tests/data/colour-parser
export DRAPE_PARSER
png in/person.png 60 80 person
expect 0 "passed over" "$drape" mask in/album.png in/person.png -q --threads 1 -o many/
rm -r many masks

# --- whose fault it is ---
png in/tall.png 70 90 box
refused 1 "but photo 'in/photo.png' is 90x70 (the mask looks turned by 90 degrees)" tryon in/photo.png in/tall.png
echo "no picture" >in/text.png
refused 1 "drape tryon: cannot read 'in/text.png'" tryon in/text.png in/mask.png
refused 1 "drape mask: cannot read 'in/text.png'" "$drape" mask in/text.png -o r.png
cp in/photo.png in/second.png
cp -RL "$model" broken
python3 - broken/unet/diffusion_pytorch_model.safetensors <<'END'
import json, struct, sys
b = bytearray(open(sys.argv[1], "rb").read())
start = 8 + struct.unpack("<Q", b[:8])[0]
at = start + json.loads(b[8:start])["conv_in.weight"]["data_offsets"][0]
b[at:at + 2] = b"\xff\x7f"  # not a number
open(sys.argv[1], "wb").write(b)
END
refused 1 "drape tryon: 'broken/unet': tensor 'conv_in.weight' contains NaN" "$drape" tryon --model broken \
    --image in/photo.png --image in/second.png --mask in/mask.png --steps 1 -q --threads 1 -o many/
refused 1 "drape tryon: the size 30x30 does not work" "$drape" tryon --model "$model" --image in/photo.png \
    --image in/second.png --mask in/mask.png --size 30x30 -q -o many/
cp -RL "$DRAPE_PARSER" spoiled
python3 - spoiled/model.safetensors <<'END'
import json, struct, sys
b = bytearray(open(sys.argv[1], "rb").read())
start = 8 + struct.unpack("<Q", b[:8])[0]
for name, t in json.loads(b[8:start]).items():  # finite, but too large for sums
    if name != "__metadata__" and t["dtype"] == "F32":
        first, end = t["data_offsets"]
        for at in range(start + first, start + end, 4):
            b[at:at + 4] = struct.pack("<f", 3e38)
open(sys.argv[1], "wb").write(b)
END
refused 1 "drape mask: the clothes parser" "$drape" mask in/person.png in/photo.png --parser spoiled -q --threads 1 -o many/
refused 2 "'<U+FEFF>5'" tryon in/photo.png in/mask.png --steps $'\xef\xbb\xbf5'
expect 1 "<U+FEFF>in/photo.png" tryon $'\xef\xbb\xbfin/photo.png' in/mask.png
echo "pictures: works"
