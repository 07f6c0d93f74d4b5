"""The curves of a run as SVG, with its faults marked on the time axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")
mpl.rcParams["svg.hashsalt"] = "soak"  # the same curves give the same file

from matplotlib import pyplot as plt  # noqa: E402  (the backend is chosen first: there is no screen)

from soak.perform import Happened  # noqa: E402
from soak.plan import BROKER, INPUT, Fault  # noqa: E402
from soak.sampling import Sample  # noqa: E402

_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, told apart by everybody."""
_FAULTS: Final = (("gate", "#999999"), ("broker", "#d55e00"), ("input", "#0072b2"))
_PAUSE: Final = "#eeeeee"


def _kind(fault: Fault) -> str:
    return fault.target if fault.target in (BROKER, INPUT) else "gate"


def _series(samples: Sequence[Sample], key: str) -> tuple[list[float], list[float]]:
    """Minutes and values; a missing value is a gap."""
    nan = float("nan")
    values = [nan if each.get(key) is None else float(each[key]) for each in samples]
    return [each["t"] / 60 for each in samples], values


def _marked(axes: Any, happened: Iterable[Happened], samples: Sequence[Sample]) -> None:
    """Faults as ticks in three rows below the top edge, checkpoints as grey ground."""
    for row, (kind, colour) in enumerate(_FAULTS):
        at = [each.began / 60 for each in happened if _kind(each.fault) == kind]
        height = 0.985 - row * 0.03
        axes.plot(
            at, [height] * len(at), "|", color=colour, markersize=6, transform=axes.get_xaxis_transform(),
            label=f"fault: {kind}", clip_on=False,
        )  # fmt: skip
    for before, each in pairwise(samples):
        if each["phase"] != "load":
            axes.axvspan(before["t"] / 60, each["t"] / 60, color=_PAUSE, linewidth=0)


def draw(
    path: Path,
    samples: Sequence[Sample],
    happened: Sequence[Happened],
    title: str,
    unit: str,
    lines: Sequence[tuple[str, str]],
    *,
    is_log: bool = False,
) -> None:
    """One picture: `lines` are (key of the samples, label)."""
    figure, axes = plt.subplots(figsize=(10, 3.6), layout="constrained")
    for (key, label), colour in zip(lines, _COLOURS * 2, strict=False):
        axes.plot(*_series(samples, key), color=colour, linewidth=1, label=label)
    if is_log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
        axes.margins(y=0.15)
    _marked(axes, happened, samples)
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel("time since the start (min); grey: checkpoint, no load")
    axes.set_ylabel(unit)
    axes.grid(visible=True, color="#dddddd", linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
