"""How a reference to a statute is read (EXC-1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.domain import statutes

REGISTERED = ("民法", "刑事訴訟法", "保険業法", "弁護士法", "個人情報の保護に関する法律")
PERMITTING = {"弁護士法": frozenset({"第23条の2"})}


@pytest.mark.parametrize(
    ("reference", "statute", "article"),
    [
        ("刑事訴訟法第197条第2項", "刑事訴訟法", (197,)),
        ("刑事訴訟法 第 197 条 第2項 照会第12号", "刑事訴訟法", (197,)),
        ("刑事訴訟法　第１９７条", "刑事訴訟法", (197,)),
        ("刑事訴訟法第百九十七条第二項", "刑事訴訟法", (197,)),
        ("刑事訴訟法第一九七条", "刑事訴訟法", (197,)),
        ("刑事訴訟法(昭和23年法律第131号)第197条", "刑事訴訟法", (197,)),
        ("民法（明治二十九年法律第八十九号）第千四十二条", "民法", (1042,)),
        (
            "個人情報の保護に関する法律（平成15年法律第57号）第27条第1項第1号",
            "個人情報の保護に関する法律",
            (27,),
        ),
        ("弁護士法第23条の2第2項", "弁護士法", (23, 2)),
        ("弁護士法第二十三条の二", "弁護士法", (23, 2)),
        ("弁護士法第23条の規定", "弁護士法", (23,)),
    ],
)
def test_a_registered_statute_and_its_article_are_read(
    reference: str, statute: str, article: tuple[int, ...]
) -> None:
    """Widths, spaces, the law's number and the kind of numerals do not matter."""
    named = statutes.read(reference, REGISTERED)
    assert named is not None
    assert (named.statute, named.articles[0]) == (statute, article)


@pytest.mark.parametrize(
    "reference",
    [
        "刑事訴訟法",
        "刑事訴訟法 197条",
        "刑事訴訟法第0条",
        "刑事訴訟法第一編",
        "民法、第1条",
        "民法（フランス）第1382条",
    ],
)
def test_a_statute_without_an_article_says_not_which(reference: str) -> None:
    """The statute is known, and what of it is meant is not; what stands between name and article is no part of a name."""
    named = statutes.read(reference, REGISTERED)
    assert named is not None
    assert named.articles == ()


@pytest.mark.parametrize(
    "reference",
    [
        "民法施行法第1条",
        "保険業法施行規則第53条の6",
        "改正民法第90条",
        "GDPR第6条",
        "第197条",
        "警察からの照会",
        "刑事訴訟法による照会",
        "",
    ],
)
def test_a_name_counts_only_as_a_whole(reference: str) -> None:
    """A longer name, another one's or none at all is no registered statute."""
    assert statutes.read(reference, REGISTERED) is None


@pytest.mark.parametrize(
    ("reference", "only_permits"),
    [
        ("弁護士法第23条の2", True),
        ("弁護士法第二十三条の二第1項", True),
        ("弁護士法第31条及び第23条の2", True),
        ("弁護士法第23条の2の3", True),
        ("弁護士法第23条", False),
        ("弁護士法第23条の20", False),
        ("刑事訴訟法第23条の2", False),
    ],
)
def test_an_article_that_only_permits_is_known_however_it_is_written(
    reference: str, only_permits: bool
) -> None:
    """Also where it is named second, or through a branch of it."""
    named = statutes.read(reference, REGISTERED)
    assert named is not None
    assert statutes.permits(named, PERMITTING) is only_permits


@given(st.text(alphabet="民刑事訴訟法第条の項号0123456789〇一二三十百千（）() 、", max_size=60))
def test_whatever_is_written_is_read_without_an_error(reference: str) -> None:
    """What is read begins with a registered name."""
    named = statutes.read(reference, REGISTERED)
    assert named is None or statutes.plain(reference).startswith(named.statute)


@given(st.integers(min_value=1, max_value=9999))
def test_a_number_is_the_same_in_kanji(number: int) -> None:
    """In units (千九百) as law writes it."""
    digits = "〇一二三四五六七八九"
    written = ""
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        count = number // unit % 10
        if count:
            written += ("" if count == 1 and name else digits[count]) + name
    named = statutes.read(f"民法第{written}条", REGISTERED)
    assert named is not None
    assert named.articles == ((number,),)
