#!/usr/bin/env python3
"""Writes tests/data/colour-parser: a clothes parser that goes by colours, so that tests know what it finds. On a black
ground it sees red as upper clothes, green as pants, blue as a face, yellow as an arm, cyan as hair, magenta as a shoe.
A picture of one colour is all background.

    tools/golden/make_colour_parser.py

One level of three channels: red, green and blue in deviations from the picture's mean. A colour of two channels wins
over either since its label takes 0.7 of both.
"""
import json
import os
import struct

DIR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "data", "colour-parser")
LABELS = ["Background", "Hat", "Hair", "Sunglasses", "Upper-clothes", "Skirt", "Pants", "Dress", "Belt", "Left-shoe",
          "Right-shoe", "Face", "Left-leg", "Right-leg", "Left-arm", "Right-arm", "Bag", "Scarf"]
SEEN = {"Upper-clothes": (1, 0, 0), "Pants": (0, 1, 0), "Face": (0, 0, 1), "Left-arm": (0.7, 0.7, 0),
        "Hair": (0, 0.7, 0.7), "Left-shoe": (0.7, 0, 0.7)}
CONFIG = {"model_type": "drape_clothes_net", "hidden_sizes": [3], "depths": [0], "decoder_depths": [0],
          "kernel_size": 3, "expansion": 1, "norm_groups": 3, "id2label": {str(i): n for i, n in enumerate(LABELS)}}
PIXELS = {"size": {"longest_edge": 128}, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}


def tensors():
    centre = [1.0 if (out, y, x) == (c, 1, 1) else 0.0
              for out in range(3) for c in range(3) for y in range(3) for x in range(3)]
    yield "levels.0.down.weight", [3, 3, 3, 3], centre
    yield "levels.0.down.bias", [3], [0.0] * 3
    for norm in ("levels.0.norm", "norm_out"):
        yield norm + ".weight", [3], [1.0] * 3
        yield norm + ".bias", [3], [0.0] * 3
    yield "head.weight", [18, 3], [v for name in LABELS for v in SEEN.get(name, (0, 0, 0))]
    yield "head.bias", [18], [0.5] + [0.0 if name in SEEN else -9.0 for name in LABELS[1:]]


def main():
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, shape, values in tensors():
        raw = struct.pack("<%df" % len(values), *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    os.makedirs(DIR, exist_ok=True)
    with open(os.path.join(DIR, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)
    for name, values in (("config.json", CONFIG), ("preprocessor_config.json", PIXELS)):
        with open(os.path.join(DIR, name), "w") as f:
            f.write(json.dumps(values, indent=1) + "\n")


main()
