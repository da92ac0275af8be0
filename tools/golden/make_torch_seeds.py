#!/usr/bin/env python3
"""The seeds of fuzz/fuzz_torch_file.c: pickles alone, taken from the files in tests/golden/torch.

    tools/golden/make_torch_seeds.py fuzz/seeds/torch_file
"""
import os
import pickletools
import sys
import zipfile

golden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "golden", "torch")
out = sys.argv[1]
os.makedirs(out, exist_ok=True)
for name in ("views.pth", "module.pth", "lightning.ckpt", "embedding.pt", "protocol-1.pth", "protocol-4.pth",
             "parameter-with-attribute.bin"):
    with zipfile.ZipFile(os.path.join(golden, name)) as z:
        pickle = z.read(next(e for e in z.namelist() if e.endswith("/data.pkl")))
    with open(os.path.join(out, "pickle-" + name.split(".")[0]), "wb") as f:
        f.write(pickle)
for name in ("views-old.pth", "protocol-4-old.pth"):
    with open(os.path.join(golden, name), "rb") as f:
        for _ in range(3):
            for _ in pickletools.genops(f):
                pass
        rest = f.read()
    with open(os.path.join(out, "rest-" + name.split(".")[0]), "wb") as f:
        f.write(rest)
