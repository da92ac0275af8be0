#!/usr/bin/env bash
# make bench: drape next to PyTorch at full size (see bench/compare.py). Takes half an hour on two cores and 8 GB of disk.
#   bench/run.sh DRAPE_BINARY [options of compare.py]
# DRAPE_PYTHON names a Python with torch and diffusers; without one, drape's side alone is measured.
set -euo pipefail
drape=${1:?usage: bench/run.sh DRAPE_BINARY [options of compare.py]}
shift
exec python3 "$(dirname "$0")/compare.py" --drape "$drape" --python "${DRAPE_PYTHON:-python3}" "$@"
