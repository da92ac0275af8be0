"""Checks JSON against the description that the server gives: the part of JSON Schema that it uses, and nothing more."""

import json
import re

DOCUMENT = {}  # of the first server that was asked

TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
         "null": type(None)}


def is_type(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def resolve(schema):
    while "$ref" in schema:
        node = DOCUMENT
        for part in schema["$ref"].lstrip("#/").split("/"):
            node = node[part]
        schema = node
    return schema


def faults(value, schema, where="$"):
    """What is wrong with the value, as a list of sentences."""
    schema = resolve(schema)
    if "oneOf" in schema:
        tries = [faults(value, s, where) for s in schema["oneOf"]]
        fits = sum(not t for t in tries)
        return [] if fits == 1 else [f"{where}: fits {fits} of {len(tries)} schemas: {min(tries, key=len)}"]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(is_type(value, k) for k in kinds):
        return [f"{where}: {json.dumps(value)[:60]} is no {kinds}"]
    if "const" in schema and value != schema["const"]:
        return [f"{where}: {value!r} is not {schema['const']!r}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where}: {value!r} is not one of {schema['enum']}"]
    found = []
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{where}: {value!r} does not match {schema['pattern']}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            found.append(f"{where}: {value} is out of bounds")
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            found.append(f"{where}: {value} is out of bounds")
    if isinstance(value, list):
        for i, v in enumerate(value):
            found += faults(v, schema.get("items", {}), f"{where}[{i}]")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [f"{where}: {k} is missing" for k in schema.get("required", []) if k not in value]
        if schema.get("additionalProperties", True) is False:
            found += [f"{where}: {k} is not described" for k in value if k not in properties]
        for k, v in value.items():
            if k in properties:
                found += faults(v, properties[k], f"{where}.{k}")
    return found


def operation(method, path):
    """The description of a request's operation; None if there is none."""
    for pattern, item in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", pattern), path) and method.lower() in item:
            return item[method.lower()]
    return None


def check_answer(method, path, status, content_type, body):
    """Raises unless the answer is one that the description allows."""
    op = operation(method, path)
    if op is None:
        return
    answer = op["responses"].get(str(status))
    if answer is None:
        raise AssertionError(f"{method} {path}: status {status} is not described: {body[:300]!r}")
    content = resolve(answer).get("content", {})
    if not content:
        if body:
            raise AssertionError(f"{method} {path}: {status} should have no body")
        return
    kind = content_type.split(";")[0]
    if kind == "application/json" and kind in content:
        found = faults(json.loads(body), content[kind]["schema"])
        if found:
            raise AssertionError(f"{method} {path}: {status}: {found[:5]}")
    elif not any(kind == k or (k.endswith("/*") and kind.startswith(k[:-1])) for k in content):
        raise AssertionError(f"{method} {path}: {status}: {content_type} is not one of {list(content)}")


def learn(document):
    """Takes a description, as GET /api/v1/openapi.json has it."""
    DOCUMENT.update(json.loads(document))


def check_schema(value, name):
    found = faults(value, {"$ref": f"#/components/schemas/{name}"})
    if found:
        raise AssertionError(f"{name}: {found[:5]}")
