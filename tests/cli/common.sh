# What the tests of the program share; sourced with the program's path as $1 by a script in this folder.
drape=$(realpath "${1:?usage: $0 DRAPE}")
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export DRAPE_CACHE_DIR=$dir/cache
model=$root/tests/golden/nano
mkdir in

fail() {
    echo "$(basename "$0"): $*" >&2
    [ ! -s err ] || sed 's/^/    /' err >&2
    exit 1
}

# expect STATUS WORDS COMMAND...: the exit status, and the words on stderr or stdout (WORDS empty: whatever)
expect() {
    local want=$1 words=$2 got=0
    shift 2
    "$@" >out 2>err || got=$?
    [ "$got" = "$want" ] || fail "'$*': exit status $got, not $want"
    cat out err | grep -qF -- "$words" || fail "'$*' does not say '$words'"
}

# refused STATUS WORDS COMMAND...: the same, in one line, without a result
refused() {
    rm -f r.png
    expect "$@"
    [ "$(wc -l <err)" = 1 ] || fail "'${*:3}' says more than one line"
    [ ! -s out ] || fail "'${*:3}' prints results in spite of failing"
    [ ! -e r.png ] || fail "'${*:3}' leaves a picture in spite of failing"
}

# png FILE WIDTH HEIGHT KIND: a photo, or a mask: black, white, or with a white box in the middle
png() {
    python3 - "$@" <<'END'
import struct, sys, zlib
name, w, h, kind = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
def pixel(x, y):
    if kind == "photo":
        return bytes((x * 37 % 256, y * 53 % 256, (x * y) % 256))
    white = kind == "white" or kind == "box" and w // 3 <= x < 2 * w // 3 and h // 3 <= y < 2 * h // 3
    return b"\xff" if white else b"\0"
rows = b"".join(b"\0" + b"".join(pixel(x, y) for x in range(w)) for y in range(h))
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
header = struct.pack(">IIBBBBB", w, h, 8, 2 if kind == "photo" else 0, 0, 0, 0)
with open(name, "wb") as f:
    f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
END
}

# size FILE.png: WIDTHxHEIGHT
size() {
    python3 -c 'import struct, sys; print("%dx%d" % struct.unpack(">II", open(sys.argv[1], "rb").read(24)[16:]))' "$1"
}

png in/photo.png 90 70 photo
png in/mask.png 90 70 box

# tryon PHOTO MASK FLAGS...: a quick one to r.png. One thread: those of very small products mostly wait for each other.
tryon() {
    "$drape" tryon --model "$model" --image "$1" --mask "$2" --prompt "red t-shirt" --steps 2 --seed 7 --threads 1 -q \
        -o r.png "${@:3}"
}

dress() { # FLAGS...
    tryon in/photo.png in/mask.png "$@"
}

# The same where it has to work; what it says is in `said`.
dressed() {
    dress "$@" >said 2>err || fail "'$*' failed"
}
