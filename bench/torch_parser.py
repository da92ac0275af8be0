#!/usr/bin/env python3
"""PyTorch's side of bench/compare_parser.py.

    torch_parser.py make DIR [--arch b0]      a SegFormer with random weights and the 18 labels of a clothes parser
    torch_parser.py time DIR --size WxH [--runs N] [--threads N]
        prints {"seconds": median of N runs after one that is not counted}: a photo in memory to its labels
    torch_parser.py versions
"""
import argparse
import json
import os
import statistics
import time

LABELS = ["Background", "Hat", "Hair", "Sunglasses", "Upper-clothes", "Skirt", "Pants", "Dress", "Belt", "Left-shoe",
          "Right-shoe", "Face", "Left-leg", "Right-leg", "Left-arm", "Right-arm", "Bag", "Scarf"]
WIDE = dict(hidden_sizes=[64, 128, 320, 512], decoder_hidden_size=768)
ARCHS = {"b0": {}, "b1": WIDE | dict(decoder_hidden_size=256), "b2": WIDE | dict(depths=[3, 4, 6, 3]),
         "b5": WIDE | dict(depths=[3, 6, 40, 3])}
PREPROCESSOR = {"do_resize": True, "size": {"height": 512, "width": 512}, "resample": 2, "do_rescale": True,
                "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.485, 0.456, 0.406],
                "image_std": [0.229, 0.224, 0.225], "image_processor_type": "SegformerImageProcessor"}


def make(a):
    import torch
    from transformers import SegformerConfig, SegformerForSemanticSegmentation
    torch.manual_seed(0)
    config = SegformerConfig(id2label=dict(enumerate(LABELS)), **ARCHS[a.arch])
    SegformerForSemanticSegmentation(config).save_pretrained(a.dir)
    with open(os.path.join(a.dir, "preprocessor_config.json"), "w", encoding="utf-8") as f:
        json.dump(PREPROCESSOR, f, indent=1)
    return {}


def measure(a):
    import numpy
    import torch
    from transformers import SegformerForSemanticSegmentation
    from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil
    if a.threads:
        torch.set_num_threads(a.threads)
    width, height = (int(n) for n in a.size.split("x"))
    photo = numpy.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=numpy.uint8)
    processor = SegformerImageProcessorPil.from_pretrained(a.dir)
    model = SegformerForSemanticSegmentation.from_pretrained(a.dir).eval()
    seconds = []
    with torch.inference_mode():
        for _ in range(a.runs + 1):
            start = time.perf_counter()
            outputs = model(**processor(photo, return_tensors="pt"))
            processor.post_process_semantic_segmentation(outputs, [(height, width)])
            seconds.append(time.perf_counter() - start)
    return {"seconds": statistics.median(seconds[1:])}


def versions(a):
    import torch
    import transformers
    del a
    return {"torch": torch.__version__, "transformers": transformers.__version__}


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("job", choices=["make", "time", "versions"])
    p.add_argument("dir", nargs="?")
    p.add_argument("--arch", choices=list(ARCHS), default="b0")
    p.add_argument("--size", default="512x512")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--threads", type=int, default=0)
    a = p.parse_args()
    print(json.dumps({"make": make, "time": measure, "versions": versions}[a.job](a)))


main()
