"""Changes of a message's JSON, each by one choice or a few: what senders get wrong, and what nobody would write."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

from fuzz.chance import Chance
from fuzz.tree import Node, Object, Place, Raw, objects, places

Change = Callable[[Chance, Node], Node]
"""Gives the changed tree; it may change the one it is given."""

NUMBERS: Final = (
    0, 1, -1, 3, 2**31 - 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 1.0, 0.5, True, False,
    Raw("1e0"), Raw("-0"), Raw("1E400"), Raw("-1e999"), Raw("1e-400"), Raw("9" * 400), Raw("9" * 4300), Raw("9" * 4301),
    Raw("9" * 20_000), Raw("0." + "1" * 5000), Raw("01"), Raw("+1"), Raw("1."), Raw(".5"), Raw("0x10"), Raw("1e"),
)  # fmt: skip
NO_JSON: Final = tuple(
    Raw(each)
    for each in (
        "NaN",
        "Infinity",
        "-Infinity",
        "undefined",
        "None",
        "True",
        "'x'",
        "",
        "nul",
        "/**/",
        "{",
        "]",
        '"',
    )
)
TEXTS: Final = (
    "", " ", "\u3000", "\n", "\t\r\n", "\0", "a\0b", "\x1f", "\x7f", "\x80", "\u2028", "\ufeff", "\ufffd", "\uffff",
    "\U0010ffff", "\U0001f3e0", "e\u0301", "\u00e9", "\u30ab\u3099", "\u30ac", "\uff76\uff9e", "\u212b", "\u00c5",
    "a" * 256, "a" * 257, "\u3042" * 256, "\u3042" * 257, "\U0001f3e0" * 256, "b" * 20_000, "b" * 20_001,
    "c" * 70_000, '":', '{"a":1}', '\\":', "{0}", "{field}", "%s", "../../x", "null", "true", "1",
)  # fmt: skip
RAW_TEXTS: Final = tuple(
    Raw(each)
    for each in (
        r'"\ud800"', r'"\udfff"', r'"\ud83c\udfe0"', r'"\ud83c"', r'"\ude00\ud83c"', r'"\u0000"', r'"\x41"', r'"\u00"',
        '"\x01"', '"\n"', r'"\u0061"', r'"\/"', r'"\u002e"', r'"\"', '"a',
    )
)  # fmt: skip
TIMES: Final = (
    "2026-11-21T10:00:00+09:00", "2026-11-21T10:00:00", "2026-11-21T10:00:00Z", "2026-11-21T10:00:00z",
    "2026-11-21 10:00:00+09:00", "2026-11-21t10:00:00Z", "2026-11-21T10:00Z", "2026-11-21T10:00:00.1Z",
    "2026-11-21T10:00:00.123456789Z", "2026-11-21T10:00:00.1234567890Z", "2026-11-21T10:00:00,5Z",
    "2026-11-21T10:00:60Z", "2026-11-21T10:60:00Z", "2026-11-21T25:00:00Z", "2026-02-29T00:00:00Z",
    "2028-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-10T00:00:00Z", "2026-11-31T00:00:00Z",
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00-12:00", "9999-12-31T23:59:59-12:00",
    "9999-12-31T23:59:59Z", "1899-12-31T23:59:59Z", "1900-01-01T00:00:00Z", "1900-01-01T00:00:00+23:59",
    "2999-12-31T23:59:59Z", "2999-12-31T23:59:59-23:59", "3000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
    "2026-11-21T10:00:00+14:00", "2026-11-21T10:00:00-00:00", "2026-11-21T10:00:00+23:59",
    "2026-11-21T10:00:00+0900", "2026-11-21T10:00:00+09", "2026-11-21T10:00:00[Asia/Tokyo]",
    "2026-11-21T10:00:00 +09:00", "\uff12026-11-21T10:00:00Z", "2026-W47-6", "20261121T100000Z", "-2026-11-21T10:00:00Z",
    "2026-11-21", "2026-11-31", "2026-2-1", "0000-00-00", "0001-01-01", "9999-12-31", "1899-12-31", "3000-01-01",
    "2026-11-21\n", " 2026-11-21", "1732150800", "now",
)  # fmt: skip
UNKNOWN: Final = (
    "x",
    "",
    "items ",
    "Items",
    "__class__",
    "data",
    "type",
    "\u00e9",
    "a" * 300,
    "a.b",
    "[]",
    "$ref",
    "0",
)
COUNTS: Final = (0, 1, 2, 20, 499, 500, 501, 2000)


def _some_value(chance: Chance) -> Node:
    kinds: tuple[Sequence[Node], ...] = (NUMBERS, TEXTS, TIMES, (None,), ([], [None], [[]], Object()))
    return chance.pick(chance.pick(kinds))


def _retype(chance: Chance, place: Place) -> None:
    place.put(_some_value(chance))


def _number(chance: Chance, place: Place) -> None:
    place.put(chance.pick(NUMBERS))


def _no_json(chance: Chance, place: Place) -> None:
    place.put(chance.pick(NO_JSON))


def _text(chance: Chance, place: Place) -> None:
    place.put(chance.pick(TEXTS))


def _raw_text(chance: Chance, place: Place) -> None:
    place.put(chance.pick(RAW_TEXTS))


def _time(chance: Chance, place: Place) -> None:
    place.put(chance.pick(TIMES))


def _null(chance: Chance, place: Place) -> None:
    place.put(None)


def _drop(chance: Chance, place: Place) -> None:
    place.drop()


def _nest(chance: Chance, place: Place) -> None:
    value = place.get()
    for _ in range(chance.pick((1, 1, 1, 2, 5, 90))):
        value = [value] if chance.odds(0.5) else Object([(chance.pick(UNKNOWN), value)])
    place.put(value)


def _nest_deeply(chance: Chance, place: Place) -> None:
    depth = chance.pick((120, 190, 200, 210, 250, 1100, 30_000))
    opening, closing = chance.pick((("[", "]"), ('{"a":', "}"), ("[[{},", "]]")))
    ends = closing * depth if chance.odds(0.5) else ""
    place.put(Raw(opening * depth + "1" + ends))


def _misspelt(chance: Chance, text: str) -> str:
    """A text with one slip of the fingers, or of its encoding."""
    at = chance.below(len(text) + 1)
    kind = chance.below(9)
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + chance.pick(("s", "_", "\u200b", "x", " ")) + text[at:]
    if kind == 2:
        return text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]
    if kind == 3:
        return text.upper() if chance.odds(0.5) else text.title()
    if kind == 4:
        return text.replace("_", chance.pick(("-", "", " ", ".")))
    if kind == 5:
        return "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text)
    if kind == 6:
        return unicodedata.normalize(
            chance.pick(("NFC", "NFD", "NFKC", "NFKD")), text + "e\u0301\u30ac\uff76\uff9e"
        )
    if kind == 7:
        return (
            chance.pick((" ", "\u3000", "\ufeff", "")) + text + chance.pick((" ", "\n", "\u0000", "\u3000"))
        )
    return text + text


def _misspell_value(chance: Chance, place: Place) -> None:
    value = place.get()
    place.put(_misspelt(chance, value) if type(value) is str else _some_value(chance))


def _misspell_key(chance: Chance, place: Place) -> None:
    if isinstance(place.holder, Object):
        name, value = place.holder.pairs[place.index]
        place.holder.pairs[place.index] = (_misspelt(chance, name), value)


def _escape_key(chance: Chance, place: Place) -> None:
    """The same key in another spelling: JSON's escapes."""
    if isinstance(place.holder, Object):
        name, value = place.holder.pairs[place.index]
        escaped = "".join(f"\\u{ord(each):04x}" if ord(each) < 0x10000 else each for each in name)
        place.holder.pairs[place.index] = (Raw(f'"{escaped}"'), value)


def _repeat(chance: Chance, place: Place) -> None:
    """Elements until there are so many."""
    value = place.get()
    if isinstance(value, list):
        count = chance.pick(COUNTS)
        place.put(((value or ["x"]) * (count // max(1, len(value)) + 1))[:count])
    else:
        place.put([value] * chance.pick(COUNTS))


AT_A_PLACE: Final = (
    _retype, _retype, _number, _no_json, _text, _text, _raw_text, _time, _time, _null, _null, _drop, _drop, _nest,
    _nest_deeply, _misspell_value, _misspell_value, _misspell_key, _misspell_key, _escape_key, _repeat,
)  # fmt: skip


def at_a_place(chance: Chance, tree: Node) -> Node:
    """One value or key somewhere changed."""
    found = places(tree)
    if found:
        chance.pick(AT_A_PLACE)(chance, chance.pick(found))
    return tree


def at_a_time(chance: Chance, tree: Node) -> Node:
    """One of the times and days changed to another, or to none."""
    found = [each for each in places(tree) if each.name.endswith(("_at", "_on", "_from", "_until", "at"))]
    if found:
        chance.pick(found).put(chance.pick(TIMES))
    return tree


def unknown_field(chance: Chance, tree: Node) -> Node:
    """A field that nobody knows, somewhere."""
    found = objects(tree)
    if found:
        pairs = chance.pick(found).pairs
        pairs.insert(chance.below(len(pairs) + 1), (chance.pick(UNKNOWN), _some_value(chance)))
    return tree


def duplicate_key(chance: Chance, tree: Node) -> Node:
    """A key that stands twice, the value the same or another."""
    found = [each for each in objects(tree) if each.pairs]
    if found:
        pairs = chance.pick(found).pairs
        name, value = chance.pick(pairs)
        pairs.insert(chance.below(len(pairs) + 1), (name, value if chance.odds(0.3) else _some_value(chance)))
    return tree


def moved_field(chance: Chance, tree: Node) -> Node:
    """A field that stands in another object than its own."""
    found = [each for each in objects(tree) if each.pairs]
    if found:
        giver, taker = chance.pick(found), chance.pick(found)
        pair = giver.pairs.pop(chance.below(len(giver.pairs)))
        taker.pairs.append(pair)
    return tree


def exchanged(chance: Chance, tree: Node) -> Node:
    """A value copied from one place to another."""
    found = places(tree)
    if found:
        value = chance.pick(found).get()
        if not isinstance(value, Object | list):
            chance.pick(found).put(value)
    return tree


def reordered(chance: Chance, tree: Node) -> Node:
    """The keys of an object in another order: it says the same."""
    for each in objects(tree):
        cut = chance.below(len(each.pairs) + 1)
        each.pairs[:] = each.pairs[cut:] + each.pairs[:cut]
    return tree


def whole(chance: Chance, tree: Node) -> Node:
    """Something else in place of the document, or around it."""
    kind = chance.below(4)
    if kind == 0:
        return [tree]
    if kind == 1:
        return Object([("data", tree)])
    if kind == 2:
        return _some_value(chance)
    return Raw("[" * chance.pick((10, 199, 201, 100_000)))


CHANGES: Final[tuple[Change, ...]] = (
    *([at_a_place] * 12), *([at_a_time] * 2), unknown_field, unknown_field, duplicate_key, duplicate_key, moved_field,
    exchanged, exchanged, reordered, whole,
)  # fmt: skip


def json_changed(chance: Chance, tree: Node) -> Node:
    """The tree with one of the changes."""
    return chance.pick(CHANGES)(chance, tree)
