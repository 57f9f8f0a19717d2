"""Refuses code that reads foreign bytes past the boundary (`core.reading`, `core.array_files`, `llm.tensors`)."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "netwright"
BOUNDARY = {"core/reading.py", "core/array_files.py", "llm/tensors.py"}
INSTEAD = {
    "open": "core.reading.opened",
    "read_text": "core.reading.read_text",
    "read_bytes": "core.reading.read_bytes",
    "json.load": "core.reading.read_json",
    "json.loads": "core.reading.parse_json",
    "np.load": "core.array_files.read_npz or read_npy",
    "np.loadtxt": "core.reading.read_text",
    "np.genfromtxt": "core.reading.read_text",
    "np.fromfile": "core.reading.read_bytes",
    "pq.read_table": "core.array_files.read_table",
    "pq.ParquetFile": "core.array_files.read_table",
    "load_file": "llm.tensors.read_tensors",
    "safe_open": "core.array_files.safetensors_header and llm.tensors.read_tensors",
    "torch.load": "llm.tensors.read_tensors",
    "pickle.load": "safetensors or npz",
    "pickle.loads": "safetensors or npz",
    "isdigit": "core.reading.whole_number",
    "isdecimal": "core.reading.whole_number",
    "isnumeric": "core.reading.whole_number",
}
# Decoders of streams that bound what they read themselves.
ALLOWED = {("datasets/archives.py", "open"), ("tasks/vp/area.py", "np.loadtxt")}


def violations(source: str, place: str) -> list[tuple[int, str]]:
    """Line and name of each call in a module that must go through the boundary."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = _name(node)
            if name is not None and (place, name) not in ALLOWED:
                found.append((node.lineno, name))
    return sorted(found)


def _name(call: ast.Call) -> str | None:
    """The entry of `INSTEAD` that a call is of, None if it is allowed."""
    called = call.func
    last = (
        called.attr
        if isinstance(called, ast.Attribute)
        else called.id
        if isinstance(called, ast.Name)
        else ""
    )
    owner = (
        called.value.id if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) else ""
    )
    full = f"{owner}.{last}" if owner else last
    if last == "open":
        return None if _writes(call) or owner == "os" else "open"
    if full == "json.loads" and call.args and ast.unparse(call.args[0]).startswith("json.dumps("):
        return None  # a copy of our own values
    if last in ("read_text", "read_bytes"):  # the boundary's own take the path as an argument
        return last if isinstance(called, ast.Attribute) and owner not in ("reading", "files") else None
    return next((known for known in (full, last) if known in INSTEAD), None)


def _writes(call: ast.Call) -> bool:
    modes = [a.value for a in [*call.args, *(k.value for k in call.keywords)] if isinstance(a, ast.Constant)]
    modes += [
        part.value
        for a in call.args
        if isinstance(a, ast.IfExp)
        for part in (a.body, a.orelse)
        if isinstance(part, ast.Constant)
    ]
    texts = [m for m in modes if isinstance(m, str) and len(m) <= 3]
    return any(set(m) & set("wax") for m in texts)


def main() -> int:
    """Print each violation; 1 if there is one."""
    wrong = 0
    for path in sorted(SOURCE.rglob("*.py")):
        place = path.relative_to(SOURCE).as_posix()
        if place in BOUNDARY:
            continue
        for line, name in violations(path.read_text(encoding="utf-8"), place):
            print(f"src/netwright/{place}:{line}: {name} reads past the boundary; use {INSTEAD[name]}.")
            wrong += 1
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
