#!/usr/bin/env python3
"""Draws which source folder includes which, and fails on an arrow that does not point downwards.

    tools/check_includes.py          check, print the graph
"""
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src")
# From the ground up: a folder may include itself and the ones before it.
ORDER = ["base", "tensor", "ops", "autograd", "nn", "models", "diffusion", "io", "pipeline", "mask", "learn", "options", "tryon",
         "train", "verify", "api", "serve", "cli"]
# Narrower than the order: these see only what is named.
ONLY = {"io": {"base", "tensor"}, "diffusion": {"base"}, "options": {"base", "diffusion", "learn"}, "serve": {"base"}}
NEVER = {("train", "tryon"), ("tryon", "train")}
# oneDNN's types stay in their folder, and only ops/ knows which backends there are.
PRIVATE_HEADERS = {"oneapi/": "ops/onednn", "ops/onednn/": "ops", "ops/cpu/simd/": "ops/cpu", "ops/ref/": "ops",
                   "ops/far/": "ops"}


def sources():
    for folder, _, files in os.walk(ROOT):
        for f in sorted(files):
            if f.endswith((".c", ".h")):
                yield os.path.relpath(os.path.join(folder, f), ROOT)


def includes(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return re.findall(r'^\s*#\s*include\s+["<]([^">]+)[">]', f.read(), re.M)


def check(path, name):
    """The fault of this include, or None."""
    here, there = path.split("/")[0], name.split("/")[0]
    for prefix, owner in PRIVATE_HEADERS.items():
        if name.startswith(prefix) and not path.startswith(owner + "/"):
            return f"only src/{owner} may include {prefix}"
    if there not in ORDER:
        return None
    if here not in ORDER:
        return f"folder '{here}' has no place in the order of tools/check_includes.py"
    if here in ONLY and there != here and there not in ONLY[here]:
        return f"'{here}' may include {', '.join(sorted(ONLY[here]))} only"
    if (here, there) in NEVER:
        return f"'{here}' and '{there}' do not see each other"
    if ORDER.index(there) > ORDER.index(here):
        return f"'{there}' lies above '{here}'"
    return None


def main():
    faults, graph = [], {}
    for path in sources():
        for name in includes(path):
            fault = check(path, name)
            if fault:
                faults.append(f"src/{path} includes \"{name}\": {fault}")
            elif "/" in name and name.split("/")[0] in ORDER and name.split("/")[0] != path.split("/")[0]:
                graph.setdefault(path.split("/")[0], set()).add(name.split("/")[0])
    for folder in ORDER:
        if folder in graph:
            print(f"{folder:10} -> {' '.join(f for f in ORDER if f in graph[folder])}")
    for fault in faults:
        print(fault, file=sys.stderr)
    print("1 passed, 0 failed" if not faults else f"0 passed, {len(faults)} failed")
    return 1 if faults else 0


sys.exit(main())
