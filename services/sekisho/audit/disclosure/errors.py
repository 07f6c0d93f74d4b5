"""Why no disclosure can be made: one typed error, in both languages."""

from __future__ import annotations


class DisclosureError(Exception):
    """What was given cannot become a notice. `code` is stable; `ja` and `en` say what to do; str() is the English one."""

    def __init__(self, code: str, *, ja: str, en: str) -> None:
        super().__init__(en)
        self.code = code
        self.ja = ja
        self.en = en
