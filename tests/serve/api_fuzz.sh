#!/usr/bin/env bash
# drape serve against its own description: schemathesis makes requests from what it says of itself, right and wrong ones, and
# every answer must be one that the description allows.
#   api_fuzz.sh DRAPE [SECONDS]
# Without schemathesis (scripts/deps.sh check installs it) it is skipped, and says so.
set -euo pipefail
drape=$(realpath "${1:?usage: api_fuzz.sh DRAPE [SECONDS]}")
seconds=${2:-60}
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
export PYTHONPATH=$PWD/.cache/schemathesis:${PYTHONPATH:-} OMP_WAIT_POLICY=passive
if ! python3 -c 'import schemathesis' 2>/dev/null; then
    echo "skipped: the description's check needs schemathesis; run scripts/deps.sh check"
    exit 0
fi
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait || true; rm -rf "$folder"' EXIT
"$drape" serve --model tests/golden/nano --port 0 --data "$folder/data" --threads 1 >"$folder/url" 2>"$folder/log" &
server=$!
for _ in $(seq 600); do
    [ -s "$folder/url" ] && break
    kill -0 "$server" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
    sleep 0.1
done
url=$(head -1 "$folder/url")
url=${url%/}
cd "$folder" # it leaves a folder of its own behind
# streams of events never end, so they are left out
python3 -c 'from schemathesis.cli import schemathesis; schemathesis()' --config-file "$here/schemathesis.toml" run \
    "$url/api/v1/openapi.json" --url "$url" --exclude-path-regex 'events$' --max-time "$seconds" --seed 1 \
    --suppress-health-check all --continue-on-failure --request-timeout 30
