#!/usr/bin/env python3
"""Small files as torch.save writes them, and what is in them: tests/golden/torch.

    tools/golden/make_torch_files.py tests/golden/torch

Made with torch 2.15, numpy 2.4. No other library is needed: classes that published checkpoints name
(Lightning's, omegaconf's) are made here under their names, as pickles keep no more than those.
"""
import argparse
import collections
import hashlib
import json
import os
import pathlib
import sys
import types

import numpy
import torch

out = sys.argv[1]
os.makedirs(out, exist_ok=True)
torch.manual_seed(7)
expected = {}


def facts(tensors):
    result = {}
    for name in sorted(tensors):
        t = tensors[name].detach().contiguous()
        raw = t.reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b""
        result[name] = {"shape": list(t.shape), "dtype": str(t.dtype)[6:], "sha256": hashlib.sha256(raw).hexdigest()}
    return result


def save(file, value, tensors, **how):
    torch.save(value, os.path.join(out, file), **how)
    expected[file] = facts(tensors)


def fake(module, name, base=object):
    """A class of that name in a module of that name."""
    parts = module.split(".")
    for i in range(1, len(parts) + 1):
        sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
    cls = type(name, (base,), {"__module__": module})
    setattr(sys.modules[module], name, cls)
    return cls


every_type = {
    "f32": torch.randn(3, 4), "f64": torch.randn(5, dtype=torch.float64), "f16": torch.randn(2, 3).half(),
    "bf16": torch.randn(7).bfloat16(), "i64": torch.tensor([-1, 2 ** 40]), "i32": torch.tensor([[-5, 6]], dtype=torch.int32),
    "i16": torch.tensor([-300, 300], dtype=torch.int16), "i8": torch.tensor([-7], dtype=torch.int8),
    "u8": torch.tensor([0, 255], dtype=torch.uint8), "bool": torch.tensor([True, False, True]),
    "scalar": torch.tensor(1.5), "empty": torch.zeros(0, 4), "häßlich.名": torch.ones(1),
}
save("types.pth", every_type, every_type)
old = {"_use_new_zipfile_serialization": False}
save("types-old.pth", every_type, every_type, **old)
for protocol in (1, 3, 4, 5):
    save(f"protocol-{protocol}.pth", every_type, every_type, pickle_protocol=protocol)
save("protocol-1-old.pth", every_type, every_type, pickle_protocol=1, **old)
save("protocol-4-old.pth", every_type, every_type, pickle_protocol=4, **old)

base = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
views = {
    "whole": base, "part": base[1:, :2], "turned": base.permute(2, 0, 1), "steps": base[:, ::2, ::3],
    "flat": base.reshape(-1)[7:20], "spread": base[0, 0, :].expand(3, 5), "once": base[1:2, 2:3, 3:4],
    "channels_last": torch.randn(2, 3, 2, 2).to(memory_format=torch.channels_last),
    "none": base[3:],
}
save("views.pth", views, views)
save("views-old.pth", views, views, **old)

net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
save("module.pth", net.state_dict(), net.state_dict())
save("parameters.bin", dict(net.named_parameters()), dict(net.named_parameters()))
parameter = torch.nn.Parameter(torch.randn(2, 2))
parameter.note = "an attribute"
save("parameter-with-attribute.bin", {"w": parameter}, {"w": parameter})

Callback = fake("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint")
Stopping = fake("lightning.pytorch.callbacks.early_stopping", "EarlyStopping")
Settings = fake("omegaconf.dictconfig", "DictConfig")
AttributeDict = fake("pytorch_lightning.utilities.parsing", "AttributeDict", dict)
settings, attributes = Settings(), AttributeDict(lr=0.1, layers=[1, 2])
settings._content = {"lr": 1e-5, "any": [None, True]}
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
net(torch.randn(1, 2, 5, 5)).sum().backward()
optimizer.step()
recursive = ([],)
recursive[0].append(recursive)
inner = {"model." + k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}
save("lightning.ckpt", {
    "epoch": 3, "global_step": 470000, "pytorch-lightning_version": "1.4.2", "state_dict": inner,
    "callbacks": {Callback: {"monitor": "val/loss", "best": numpy.float64(0.25), "score": torch.tensor(0.5)},
                  Stopping: {"wait": 2, "array": numpy.arange(4, dtype=numpy.float32)}},
    "optimizer_states": [optimizer.state_dict()], "lr_schedulers": [], "big": 1 << 200, "negative": -(1 << 70),
    "hyper_parameters": attributes, "config": settings, "namespace": argparse.Namespace(a=1, path=pathlib.PurePosixPath("/x")),
    "set": {1, 2}, "bytes": b"\0\1", "complex": 1j, "counts": collections.defaultdict(list, a=[1]),
    "dtype": torch.float16, "device": torch.device("cpu"), "size": torch.Size([1, 2]), "recursive": recursive,
    "quantized": torch.quantize_per_tensor(torch.randn(4), 0.1, 0, torch.qint8), "f8": torch.zeros(2).to(torch.float8_e4m3fn),
}, inner)

words = torch.nn.ParameterDict({"*": torch.nn.Parameter(torch.randn(2, 8))})
save("embedding.pt", {"string_to_token": {"*": 265}, "string_to_param": words, "name": "coat", "step": 500},
     {"string_to_param.*": words["*"]})
plain = {"*": torch.randn(1, 8)}
save("embedding-plain.pt", {"string_to_token": {"*": 265}, "string_to_param": plain, "name": "coat", "step": None},
     {"string_to_param.*": plain["*"]})

with open(os.path.join(out, "expected.json"), "w", encoding="utf-8") as f:
    json.dump(expected, f, indent=1, ensure_ascii=False)
    f.write("\n")
