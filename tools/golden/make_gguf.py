#!/usr/bin/env python3
"""A small GGUF file with a tensor of every type that drape reads, and the values that the package gguf finds in it.

    tools/golden/make_gguf.py tests/golden/gguf

Made with gguf 0.19, numpy 2.4. Where the package cannot write a type (k-quants), the codes are random and the scales
halves of ordinary size: every bit of a block counts.
"""
import json
import pathlib
import struct
import sys

import gguf
import numpy
from gguf import GGMLQuantizationType as T

out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
rng = numpy.random.default_rng(7)
ROWS, WIDTH = 2, 512
# where the halves stand in a k-quant's block
halves = {T.Q2_K: (80, 82), T.Q3_K: (108,), T.Q4_K: (0, 2), T.Q5_K: (0, 2), T.Q6_K: (208,)}


def random_blocks(kind):
    block, size = gguf.GGML_QUANT_SIZES[kind]
    raw = rng.integers(0, 256, (ROWS * WIDTH // block, size), dtype=numpy.uint8)
    for at in halves[kind]:
        scale = rng.uniform(-0.01, 0.01, len(raw)).astype(numpy.float16)
        raw[:, at:at + 2] = scale.view(numpy.uint8).reshape(-1, 2)
    return raw.reshape(ROWS, -1)


def ties():
    """Rows whose codes are halves between whole numbers, zeros, and tiny values."""
    x = numpy.zeros((3, 64), numpy.float32)
    x[0, :] = numpy.arange(64) - 31.5
    x[0, 0], x[0, 32] = 127, -127
    x[1, :32] = rng.normal(size=32)
    x[1, 32:] = 0
    x[2, :] = rng.normal(size=64).astype(numpy.float32) * 1e-6
    return x


w = gguf.GGUFWriter(out / "types.gguf", "sd1")
w.add_string("modelspec.title", "a small one")
w.add_uint32("answer", 42)
w.add_array("list", ["a", "b", "c"])
w.add_float32("half", 0.5)
expected = {}
for kind in (T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1):
    raw = gguf.quants.quantize(rng.normal(size=(ROWS, WIDTH)).astype(numpy.float32), kind)
    expected[kind.name] = gguf.quants.dequantize(raw, kind)
    w.add_tensor(kind.name, raw, raw_dtype=kind)
for kind in halves:
    raw = random_blocks(kind)
    expected[kind.name] = gguf.quants.dequantize(raw, kind)
    w.add_tensor(kind.name, raw, raw_dtype=kind)
for kind, dtype in (("F32", numpy.float32), ("F16", numpy.float16), ("F64", numpy.float64)):
    x = rng.normal(size=(4, 3, 2, 5)).astype(dtype)
    expected[kind] = x.astype(numpy.float32)
    w.add_tensor(kind, x)
x = gguf.quants.quantize(rng.normal(size=(2, 6)).astype(numpy.float32), T.BF16)
expected["BF16"] = gguf.quants.dequantize(x, T.BF16)
w.add_tensor("BF16", x, raw_dtype=T.BF16)
x = ties()
expected["rounded"] = x
w.add_tensor("rounded", gguf.quants.quantize(x, T.Q8_0), raw_dtype=T.Q8_0)
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()

header, data = {}, b""
for name in sorted(expected):
    a = numpy.ascontiguousarray(expected[name], numpy.float32)
    header[name] = {"dtype": "F32", "shape": list(a.shape), "data_offsets": [len(data), len(data) + a.nbytes]}
    data += a.tobytes()
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
(out / "values.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
