"""Of what the coverage-guided runs kept, the smallest message of each outcome joins the corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fuzz import corpus
from fuzz.message import Message, line_of, message_of
from fuzz.outcomes import of_consent, of_request

LONGEST: Final = 4_000
MOST: Final = 200
"""Messages of one kind in the corpus."""


def keep(folder: Path) -> None:
    """Adds to `kept-*.jsonl` what has an outcome that no message there has."""
    for name in ("request", "consent", "envelope"):
        path = corpus.FOLDER / f"kept-{name}.jsonl"
        known = [message for file, message in corpus.messages() if file == path.name]
        found = [message_of(each.read_bytes()) for each in folder.glob(f"guided-{name}-*/kept/*")]
        chosen: dict[tuple[str, str], Message] = {}
        for message in [*known, *sorted(found, key=lambda each: len(line_of(each)))]:
            if len(line_of(message)) <= LONGEST:
                chosen.setdefault((of_request(message).word, of_consent(message).word), message)
        kept = list(chosen.values())[:MOST]
        path.write_text("".join(f"{line_of(each)}\n" for each in kept), encoding="utf-8")
        print(f"{path.name}: {len(kept)} messages")
