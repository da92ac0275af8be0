#!/usr/bin/env bash
# Stores what the parser that comes with drape makes of an example photo, for tests/api/test_mask.c to compare with.
# Run it after a new parser or new rules, and look at the masks before committing them.
#   tools/make_mask_refs.sh [DRAPE_BINARY]
set -euo pipefail
cd "$(dirname "$0")/.."
drape=${1:-build/drape}
mkdir -p tests/data/masks
for photo in astronaut grace_hopper; do
    for what in agnostic garment; do
        "$drape" mask "examples/$photo.jpg" --what $what --category upper --parser models/mini/parser \
            -o "tests/data/masks/$photo.$what.upper.png"
    done
done
