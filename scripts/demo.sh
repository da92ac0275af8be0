#!/usr/bin/env bash
# make demo: the whole path from a photo to the photo with another garment, on a small model.
#   scripts/demo.sh DRAPE_BINARY
set -euo pipefail
drape=$(realpath "${1:?usage: scripts/demo.sh DRAPE_BINARY}")
cd "$(dirname "$0")/.."
mkdir -p demo

if [ ! -e demo/small/model_index.json ]; then
    echo "== making a small model with random weights: demo/small"
    "$drape" init --arch examples/small.json --quiet demo/small
fi
echo "== what is in it"
"$drape" info demo/small

for person in astronaut grace_hopper; do
    echo "== dressing examples/$person.jpg"
    "$drape" tryon --model demo/small --image "examples/$person.jpg" --mask "examples/${person}_mask.png" \
        --prompt "a red t-shirt" --steps 10 --seed 1 -o "demo/$person.png"
done

cat <<END

The results are demo/astronaut.png and demo/grace_hopper.png.
The small model's weights are RANDOM: it has learned nothing, so the garment is noise. Everything else is as with a real
model, and outside the mask the photos are untouched. For real garments pull a real model (5 GB), for example

    ${drape#"$PWD"/} pull sd2-community/stable-diffusion-2-inpainting models/sd2

and pass it with --model models/sd2; see README.md.
END
