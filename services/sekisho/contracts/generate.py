"""Writes the schemas, the AsyncAPI document and the topics' pages into a folder, or checks that they are up to date.

    python -m sekisho.contracts.generate [--check] [schemas]

The folder's `examples/<type>/<name>.json` are written by hand and taken into the pages. Exit 0: written, or as they
should be; 1 (with --check): a file differs, is missing or has no message any more, and how is shown; 2: usage.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sekisho.contracts import pages
from sekisho.contracts.asyncapi import asyncapi_document
from sekisho.contracts.json_schemas import json_schema
from sekisho.contracts.messages import MODELS
from sekisho.contracts.topics import TOPICS


def read_examples(folder: Path) -> dict[str, list[tuple[str, Any]]]:
    """By message type, the examples in `folder`, by name."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for path in sorted(folder.glob("*/*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(path.parent.name, []).append((path.stem, data))
    return found


def generated(folder: Path) -> dict[str, str]:
    """What is to stand in the folder: relative path → text. Reads the examples in it."""
    examples = read_examples(folder / "examples")
    files = {"README.md": pages.index(), "asyncapi.json": _written(asyncapi_document(examples))}
    files |= {f"topics/{each.name}.md": pages.page(each, examples) for each in TOPICS}
    files |= {f"messages/{type_}.json": _written(json_schema(type_)) for type_ in MODELS}
    return files


def differences(folder: Path, files: Mapping[str, str]) -> Iterator[str]:
    """How the folder differs from what is to stand in it, as a unified diff."""
    there = {
        str(path.relative_to(folder)) for sub in ("messages", "topics") for path in folder.glob(f"{sub}/*")
    }
    for name in sorted(there | files.keys()):
        path = folder / name
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        yield from difflib.unified_diff(
            old.splitlines(keepends=True),
            files.get(name, "").splitlines(keepends=True),
            name,
            f"{name} (generated)",
        )


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Writes the files, and takes away those of messages and topics that are no more."""
    for sub in ("messages", "topics"):
        for path in folder.glob(f"{sub}/*"):
            if f"{sub}/{path.name}" not in files:
                path.unlink()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m sekisho.contracts.generate", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="change nothing; show what differs")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("schemas"))
    chosen = parser.parse_args(arguments)
    files = generated(chosen.folder)
    if not chosen.check:
        write(chosen.folder, files)
        return 0
    found = list(differences(chosen.folder, files))
    sys.stdout.writelines(found)
    return 1 if found else 0


def _written(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main())
