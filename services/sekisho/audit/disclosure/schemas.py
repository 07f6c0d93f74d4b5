"""Writes the JSON Schemas of both documents into a folder: python -m sekisho.audit.disclosure.schemas deploy/disclosure"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sekisho.audit.disclosure.writing import notice_schema, sheet_schema


def schema_files() -> dict[str, str]:
    """Each schema file's name and text."""
    return {
        f"{name}.schema.json": json.dumps(schema, ensure_ascii=False, indent=2) + "\n"
        for name, schema in (("notice", notice_schema()), ("sheet", sheet_schema()))
    }


def write(folder: Path) -> None:
    """Writes them anew."""
    for name, text in schema_files().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
