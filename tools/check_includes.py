#!/usr/bin/env python3
"""The shape of src/: which folder includes which, who calls whom, how long files and functions are.

    tools/check_includes.py               includes and lengths; prints the graph
    tools/check_includes.py BUILD [NM]    calls as well, by the symbols of the objects in a build folder

Fails on an arrow that does not point downwards, on files that include or call each other in a circle, and on what has
grown too long to be read at once.
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "..", "src"))
# From the ground up: a folder may include itself and the ones before it.
ORDER = ["base", "tensor", "ops", "autograd", "nn", "models", "diffusion", "io", "pipeline", "mask", "eval", "learn", "options", "tryon",
         "train", "warp", "verify", "api", "serve", "cli"]
# The same within a folder; its own files, "", lie above its rooms.
ROOMS = {"serve": ["http", "store", "jobs", "api", "a1111", ""]}
# Narrower than the order: these see only what is named.
ONLY = {"io": {"base", "tensor"}, "diffusion": {"base"}, "options": {"base", "diffusion", "learn"}, "serve": {"base"},
        "serve/store": {"base"}, "serve/http": {"base"},
        "cli": {"base", "serve"}}
NEVER = {("train", "tryon"), ("tryon", "train"), ("warp", "tryon"), ("warp", "train"), ("serve/a1111", "serve/api")}
# oneDNN's types stay in their folder, and only ops/ knows which backends there are.
PRIVATE_HEADERS = {"oneapi/": "ops/onednn", "ops/onednn/": "ops", "ops/cpu/simd/": "ops/cpu", "ops/cpu/": "ops",
                   "ops/ref/": "ops", "ops/far/": "ops", "serve/store/store_impl.h": "serve/store", "microhttpd.h": "serve/http",
                   "sqlite3.h": "serve/store", "libpq-fe.h": "serve/store", "serve/store/db.h": "serve/store"}
MOST_LINES = 500
MOST_FUNCTION = 80


def sources():
    for folder, _, files in os.walk(ROOT):
        for f in sorted(files):
            if f.endswith((".c", ".h")):
                yield os.path.relpath(os.path.join(folder, f), ROOT)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def includes(text):
    return re.findall(r'^\s*#\s*include\s+["<]([^">]+)[">]', text, re.M)


def room_of(path):
    """'http' of 'serve/http/reply.c'; '' of 'serve/serve.c'."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else ""


def downwards(path, name):
    """The fault of an arrow from one file to another, or None."""
    here, there = path.split("/")[0], name.split("/")[0]
    if there not in ORDER:
        return None
    if here not in ORDER:
        return f"folder '{here}' has no place in the order of tools/check_includes.py"
    if here == there and here in ROOMS:
        return between_rooms(here, room_of(path), room_of(name))
    if here in ONLY and there != here and there not in ONLY[here]:
        return f"'{here}' may include {', '.join(sorted(ONLY[here]))} only"
    if (here, there) in NEVER:
        return f"'{here}' and '{there}' do not see each other"
    if ORDER.index(there) > ORDER.index(here):
        return f"'{there}' lies above '{here}'"
    return None


def between_rooms(folder, here, there):
    order, a, b = ROOMS[folder], f"{folder}/{here}", f"{folder}/{there}"
    for room in (here, there):
        if room not in order:
            return f"room '{folder}/{room}' has no place in the order of tools/check_includes.py"
    if here == there:
        return None
    if a in ONLY and b not in ONLY[a]:
        return f"'{a}' may include {', '.join(sorted(ONLY[a]))} only"
    if (a, b) in NEVER or (b, a) in NEVER:
        return f"'{a}' and '{b}' do not see each other"
    if order.index(there) > order.index(here):
        return f"'{b}' lies above '{a}'"
    return None


def check_include(path, name):
    for prefix, owner in PRIVATE_HEADERS.items():
        if name.startswith(prefix) and not path.startswith(owner + "/"):
            return f"only src/{owner} may include {prefix}"
    return downwards(path, name)


def circles(graph):
    """Groups of nodes that reach each other (Tarjan), from {node: {node}}."""
    index, low, stack, found = {}, {}, [], []
    for root in graph:
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        walk = [(root, iter(sorted(graph[root])))]
        while walk:
            node, rest = walk[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    walk.append((other, iter(sorted(graph.get(other, ())))))
                    break
                if other in stack:
                    low[node] = min(low[node], index[other])
            else:
                walk.pop()
                if walk:
                    low[walk[-1][0]] = min(low[walk[-1][0]], low[node])
                if low[node] == index[node]:
                    at = stack.index(node)
                    if len(stack) - at > 1:
                        found.append(sorted(stack[at:]))
                    del stack[at:]
    return found


def say_circle(group, graph, verb):
    """Every arrow inside the group: one of them has to go."""
    lines = [f"{len(group)} files {verb} each other in a circle:"]
    for a in group:
        for b in group:
            if b in graph.get(a, ()):
                why = graph[a][b] if isinstance(graph[a], dict) else ()
                lines.append(f"    src/{a} -> src/{b} {' '.join(sorted(why)[:4])}".rstrip())
    return "\n".join(lines)


def check_lengths(path, text):
    lines = text.split("\n")
    if len(lines) - 1 > MOST_LINES:
        yield f"src/{path} has {len(lines) - 1} lines, at most {MOST_LINES} are allowed"
    begin = None
    for i, line in enumerate(lines): # clang-format gives a function's braces, and no others, lines of their own
        if line == "{":
            begin = i
        elif line == "}" and begin is not None:
            if i - begin + 1 > MOST_FUNCTION:
                yield (f"src/{path}:{begin}: the function has {i - begin + 1} lines, "
                       f"at most {MOST_FUNCTION} are allowed")
            begin = None


def check_sources():
    faults, folders, graph = [], {}, {}
    for path in sources():
        text = read(path)
        graph[path] = set()
        faults += check_lengths(path, text)
        for name in includes(text):
            fault = check_include(path, name)
            here, there = path.split("/")[0], name.split("/")[0]
            if fault:
                faults.append(f'src/{path} includes "{name}": {fault}')
            elif "/" in name and there in ORDER:
                graph[path].add(name)
                if here != there:
                    folders.setdefault(here, set()).add(there)
    for folder in ORDER:
        if folder in folders:
            print(f"{folder:10} -> {' '.join(f for f in ORDER if f in folders[folder])}")
    return faults + [say_circle(group, graph, "include") for group in circles(graph)]


# --- calls ---------------------------------------------------------------------------------------


def objects(build):
    """(source below src/, object) of what the library and the program consist of."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        commands = json.load(f)
    for c in commands:
        path = os.path.relpath(os.path.realpath(os.path.join(c["directory"], c["file"])), ROOT)
        out = re.search(r"\s-o\s+(\S+)", c["command"])
        if out and not path.startswith(".."):
            yield path, os.path.join(c["directory"], out.group(1))


def symbols(nm, files):
    """(object, name, whether the object has it or takes it from another) of ours; a compiler's and a sanitizer's names
    are left out."""
    text = subprocess.run([nm, "-P", "-g", "-A", *files], check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        file, rest = line.split(": ", 1)
        name, kind = rest.split()[:2]
        if name.lstrip("_").startswith(("dr_", "drape_", "main")):
            yield file, name, kind not in "Uw"


def check_calls(build, nm):
    owner, takes, faults = {}, {}, []
    built = {file: path for path, file in objects(build) if os.path.exists(file)} # a tool's may be missing
    if not built:
        return ["there are no objects in " + build]
    for path in built.values():
        takes[path] = set()
    for file, name, own in symbols(nm, sorted(built)):
        if own:
            owner[name] = built[file]
        else:
            takes[built[file]].add(name)
    graph = {path: {} for path in takes}
    for path, names in takes.items():
        for name in sorted(names):
            if name in owner and owner[name] != path:
                graph[path].setdefault(owner[name], set()).add(name)
    for path in sorted(graph):
        for other in sorted(graph[path]):
            inner = [name for name in sorted(graph[path][other]) if "drape_" not in name] # those are for everybody
            fault = downwards(path, other)
            if fault and inner:
                faults.append(f"src/{path} calls {' '.join(inner)}: {fault}")
    print(f"{len(graph)} objects")
    return faults + [say_circle(group, graph, "call") for group in circles(graph)]


def main():
    faults = check_sources()
    if len(sys.argv) > 1:
        faults += check_calls(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "nm")
    for fault in faults:
        print(fault, file=sys.stderr)
    print("1 passed, 0 failed" if not faults else f"0 passed, {len(faults)} failed")
    return 1 if faults else 0


sys.exit(main())
