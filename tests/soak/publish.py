"""A run's report as a page of the documentation: its text and its curves, without the raw data."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

_PICTURE: Final = re.compile(r"!\[([^\]]*)\]\(([\w.-]+\.svg)\)")
_RAW: Final = "Raw data beside this file"


def publish(report: Path, docs: Path) -> Path:
    """Writes `soak.md` and `soak/*.svg` into the documentation; gives the page. Raises FileNotFoundError."""
    text = (report / "report.md").read_text("utf-8")
    pictures = docs / "soak"
    pictures.mkdir(parents=True, exist_ok=True)
    for _, name in _PICTURE.findall(text):
        shutil.copyfile(report / name, pictures / name)
    kept = "\n".join(line for line in text.splitlines() if not line.startswith(_RAW)).rstrip() + "\n"
    page = docs / "soak.md"
    page.write_text(_PICTURE.sub(r"![\1](soak/\2)", kept), "utf-8")
    return page
