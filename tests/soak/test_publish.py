"""A report becomes a page of the documentation."""

from __future__ import annotations

from pathlib import Path

from soak.publish import publish


def test_pictures_move_and_raw_data_is_left_out(tmp_path: Path) -> None:
    """The page's links lead to the copied pictures."""
    report, docs = tmp_path / "report", tmp_path / "docs"
    report.mkdir()
    (report / "lag.svg").write_text("<svg/>")
    (report / "report.md").write_text("# A soak\n\n![lag.svg](lag.svg)\n\nRaw data beside this file: `x`.\n")
    page = publish(report, docs)
    assert page.read_text() == "# A soak\n\n![lag.svg](soak/lag.svg)\n"
    assert (docs / "soak" / "lag.svg").read_text() == "<svg/>"
