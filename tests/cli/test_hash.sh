#!/bin/bash
# drape info --hash: what is in a file of tensors, and what is said of files that hold something else.
. "$(dirname "$0")/common.sh"
golden=$root/tests/golden/torch

# The facts of every golden file are those that PyTorch had when it wrote it.
python3 - "$drape" "$golden" <<'END' || fail "other tensors than PyTorch's"
import json, subprocess, sys
drape, golden = sys.argv[1:]
for name, want in json.load(open(golden + "/expected.json", encoding="utf-8")).items():
    got = subprocess.run([drape, "info", "--hash", "--json", f"{golden}/{name}"], capture_output=True, check=True)
    if json.loads(got.stdout) != want or list(json.loads(got.stdout)) != sorted(want, key=lambda s: s.encode()):
        sys.exit(f"{name}: {got.stdout.decode()}")
END

# The same from safetensors, and in lines.
python3 - <<'END'
import json, struct
header = json.dumps({"a": {"dtype": "I8", "shape": [3], "data_offsets": [0, 3]}}).encode()
open("abc.bin", "wb").write(struct.pack("<Q", len(header)) + header + b"abc")
END
abc=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad # FIPS 180-2's example
expect 0 "$abc  int8     [3]  a" "$drape" info --hash abc.bin
expect 0 "I8    [3]  a" "$drape" info abc.bin
expect 0 "F16   [3,2,3,3]  model.0.weight" "$drape" info "$golden/lightning.ckpt"

# made FILE PYTHON: a zip of pickles as torch.save makes it, its data.pkl the bytes of that expression
made() {
    python3 - "$@" <<'END'
import pickle, struct, sys, zipfile
class Run:
    def __reduce__(self):
        import os
        return os.system, ("touch executed",)
with zipfile.ZipFile(sys.argv[1], "w") as z:
    z.writestr("archive/data.pkl", eval(sys.argv[2]))
    z.writestr("archive/data/0", bytes(24))
END
}

# nothing DESCRIPTION: no trace of what the files ask for
nothing() {
    [ ! -e executed ] || fail "$1: it was executed"
}

made run.pth 'pickle.dumps({"w": Run()}, 2)'
refused 1 "asks for 'posix.system' to be called" "$drape" info --hash run.pth
refused 1 "asks for 'posix.system' to be called" "$drape" info --json run.pth
nothing zip
python3 -c 'import pickle, os
class Run:
    def __reduce__(self): return os.system, ("touch executed",)
open("run-old.pth", "wb").write(pickle.dumps(Run(), 2))'
refused 1 "asks for 'posix.system' to be called" "$drape" info --hash run-old.pth
nothing old
made model.pth 'b"\x80\x02c__main__\nMyModel\n)\x81}b."'
refused 1 "only state dictionaries can be read" "$drape" info --hash model.pth
made escape.pth 'b"\x80\x02c\x1b[31mos\nx\n."'
refused 1 "'?[31mos.x'" "$drape" info --hash escape.pth
: >empty.ckpt
refused 1 "the file is empty" "$drape" info --hash empty.ckpt
echo '<!DOCTYPE html><html>' >page.ckpt
refused 1 "it is a web page" "$drape" info --hash page.ckpt
head -c 1000 "$golden/types.pth" >cut.pth
refused 1 "it was cut short" "$drape" info --hash cut.pth
head -c 1920 "$golden/types-old.pth" >cut-old.pth
refused 1 "it was cut short" "$drape" info --hash cut-old.pth
refused 1 "not a regular file" "$drape" info --hash "$model"
refused 1 "cannot open" "$drape" info --hash nowhere.pth

# Small files that would fill a machine: in little memory, in no time.
made expanded.pth 'b"\x80\x02}X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" + b"0X\3\0\0\0cpuK\1tQK\0\x8a\6\0\0\0\0\0\1\x85K\0\x85\x89)tRs."'
made text.pth 'b"\x80\x02X\xf0\xff\xff\xffabc."'
made memo.pth 'b"\x80\x02]r\xf0\xff\xff\xff."'
made deep.pth 'b"\x80\x02" + b"]" * 200000 + b"a" * 199999 + b"."'
made laughs.pth 'b"\x80\x02]q\0" + b"".join(b"](" + b"h" + bytes([i]) + (b"h" + bytes([i])) * 9 + b"eq" + bytes([i + 1]) for i in range(30)) + b"."'
made many.pth 'b"\x80\x02}" + b"(" + b"]\x94" * 500000 + b"1."'
limit=2000000
(ulimit -v $limit && "$drape" --version >out 2>err) || limit=unlimited # sanitizers reserve terabytes of addresses
for bomb in expanded text memo deep laughs many; do
    got=0
    (ulimit -v $limit && timeout 10 "$drape" info --hash $bomb.pth >out 2>err) || got=$?
    [ $got = 1 ] && [ "$(wc -l <err)" = 1 ] || fail "$bomb.pth: exit status $got"
    grep -q "$bomb.pth" err || fail "$bomb.pth is not named"
done
