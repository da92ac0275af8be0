"""Files of tensors for tests, made of safetensors with Python's standard library alone.

    tensors.py OUT FILE... [--scale X] [--type WORD=f16|f64] [--prefix P] [--only P] [--rows WORD=N] [--ema FILE] [--state-dict]

OUT ending in .safetensors is one, anything else what torch.save writes (a pickle and raw storages in a zip). --type
changes those whose names have the word in them, --only keeps those that begin so, --rows the first N of their first axis, --prefix is put in front, --ema adds
the UNet of another single file as the moving average.
"""
import argparse, array, collections, io, json, pickle, struct, sys, types, zipfile

STORAGES = {"F32": "FloatStorage", "F16": "HalfStorage", "F64": "DoubleStorage", "I64": "LongStorage"}


def load(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + n])
    head.pop("__metadata__", None)
    return {k: (v["dtype"], v["shape"], data[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]])
            for k, v in head.items()}


def floats(dtype, data):
    if dtype == "F16":
        return list(struct.unpack("<%de" % (len(data) // 2), data))
    return array.array({"F32": "f", "F64": "d"}[dtype], data)


def typed(values, dtype):
    if dtype == "F16":
        return struct.pack("<%de" % len(values), *values)
    return array.array({"F32": "f", "F64": "d"}[dtype], values).tobytes()


def save_safetensors(path, tensors):
    head, at = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(head).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(t[2] for t in tensors.values()))


def save_torch(path, tensors, wrapped):
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    sys.modules["torch"], sys.modules["torch._utils"] = torch, utils
    for name in STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*args):
        raise NotImplementedError
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2

    class Storage:
        def __init__(self, key, dtype, count):
            self.id = ("storage", getattr(torch, STORAGES[dtype]), key, "cpu", count)

    class Tensor:
        def __init__(self, key, dtype, shape):
            self.key, self.dtype, self.shape = key, dtype, shape

        def __reduce__(self):
            strides, n = [], 1
            for d in reversed(self.shape):
                strides.insert(0, n)
                n *= d
            return _rebuild_tensor_v2, (Storage(self.key, self.dtype, n), 0, tuple(self.shape), tuple(strides), False,
                                        collections.OrderedDict())

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return obj.id if isinstance(obj, Storage) else None

    top = {name: Tensor(str(i), t[0], t[1]) for i, (name, t) in enumerate(tensors.items())}
    buffer = io.BytesIO()
    Pickler(buffer, 2).dump({"epoch": 3, "global_step": 5, "state_dict": top} if wrapped else top)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("archive/data.pkl", buffer.getvalue())
        z.writestr("archive/version", "3\n")
        for i, t in enumerate(tensors.values()):
            z.writestr("archive/data/%d" % i, t[2])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("out")
    p.add_argument("files", nargs="*")
    p.add_argument("--scale", type=float)
    p.add_argument("--type", action="append", default=[])
    p.add_argument("--prefix", default="")
    p.add_argument("--only", default="")
    p.add_argument("--rows", action="append", default=[])
    p.add_argument("--ema")
    p.add_argument("--state-dict", action="store_true")
    o = p.parse_args()
    tensors = {}
    for path in o.files:
        tensors.update(load(path))
    out = {}
    for name, (dtype, shape, data) in tensors.items():
        if not name.startswith(o.only):
            continue
        if o.scale:
            data = typed([v * o.scale for v in floats(dtype, data)], dtype)
        for word, to in (t.split("=") for t in o.type):
            if word in name:
                data, dtype = typed(floats(dtype, data), to.upper()), to.upper()
        for word, n in (r.split("=") for r in o.rows):
            if word in name:
                data, shape = data[:len(data) // shape[0] * int(n)], [int(n)] + shape[1:]
        out[o.prefix + name] = dtype, shape, data
    if o.ema:
        unet = "model.diffusion_model."
        for name, t in load(o.ema).items():
            if name.startswith(unet):
                out["model_ema." + name[len("model."):].replace(".", "")] = t
        out["model_ema.num_updates"] = "I64", [], struct.pack("<q", 7)
    if o.out.endswith(".safetensors"):
        save_safetensors(o.out, out)
    else:
        save_torch(o.out, out, o.state_dict)


main()
