"""From variables to settings, and from errors to sentences: pure functions of a mapping, for `Settings.from_environment` alone.

Strict on purpose: an unknown `SEKISHO_*` variable, or one that is given but empty, is an error. A misspelt limit that went
unnoticed would leave the default in force while an operator believes otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

PREFIX: Final = "SEKISHO_"
TEST_PREFIX: Final = "SEKISHO_TEST_"
"""Variables of the test suite (`SEKISHO_TEST_KAFKA_BOOTSTRAP`); no setting, and no business of a service."""

_XDG: Final = {
    ("state", "directory"): "XDG_STATE_HOME",
    ("local", "cache"): "XDG_CACHE_HOME",
}


SECRET_CHARACTERS: Final = 32
"""The least length of a key: 128 bits, written as hexadecimal digits."""


@dataclass(frozen=True)
class Matching:
    """A text of a certain form; `says` tells people which."""

    pattern: str
    says: str

    def __call__(self, value: str) -> str:
        """The value itself. Raises ValueError where its form is another."""
        if re.fullmatch(self.pattern, value) is None:
            raise ValueError(f"it must be {self.says}")
        return value


def long_enough(secret: SecretStr) -> SecretStr:
    """The secret itself. Raises ValueError where it is too short to be a key."""
    if len(secret.get_secret_value()) < SECRET_CHARACTERS:
        raise ValueError(
            f"it must have {SECRET_CHARACTERS} characters or more (`openssl rand -hex 32` makes one)"
        )
    return secret


def database_url(secret: SecretStr) -> SecretStr:
    """The address itself. Raises ValueError where it is no PostgreSQL URL; the text never repeats it (it may hold a password)."""
    url = secret.get_secret_value()
    if re.fullmatch(r"postgres(ql)?://\S+", url) is None:
        raise ValueError("it must be a PostgreSQL URL, as `postgresql://user@host:5432/database`")
    if re.fullmatch(r"[^/]+//([^@/?]*@)?[^@]*", url) is None or re.search(r"%(?![0-9A-Fa-f]{2})", url):
        # the driver's own error would quote a part of the password
        raise ValueError(
            "a character in it must be written with a percent sign: @ as %40, / as %2F, ? as %3F, % as %25"
        )
    return secret


class SettingsError(Exception):
    """The settings are wrong or incomplete; `problems` has one sentence for each variable concerned."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "\n".join(["The settings cannot be used:", *(f"  - {problem}" for problem in problems)])
        )


class Variable(NamedTuple):
    """One variable of the environment and the field that it sets; `group` is None for fields of no group."""

    name: str
    group: str | None
    field: str
    info: FieldInfo

    @property
    def secret(self) -> bool:
        """Whether its value must never be shown."""
        return _mentions(self.info.annotation, SecretStr)


def _mentions(annotation: object, wanted: type) -> bool:
    return annotation is wanted or any(_mentions(part, wanted) for part in get_args(annotation))


def group_model(info: FieldInfo) -> type[BaseModel] | None:
    """The model of a field that is a group of settings, None for a setting."""
    annotation = info.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def variables(settings: type[BaseModel]) -> Iterator[Variable]:
    """Every variable that there is, in the order of declaration."""
    for name, info in settings.model_fields.items():
        model = group_model(info)
        if model is None:
            yield Variable(f"{PREFIX}{name}".upper(), None, name, info)
        else:
            for field, inner in model.model_fields.items():
                yield Variable(f"{PREFIX}{name}_{field}".upper(), name, field, inner)


def refuse_unknown(environment: Mapping[str, str], settings: type[BaseModel]) -> None:
    """Raise SettingsError for variables with our prefix (in any case of letters) that are none of ours, or are empty."""
    known = {variable.name for variable in variables(settings)}
    ours = [
        name for name in environment if name.upper().startswith(PREFIX) and not name.startswith(TEST_PREFIX)
    ]
    wrong = [_unknown(name, known) for name in sorted(ours) if name not in known]
    wrong += [
        f"{name} is given but empty; give it a value or leave it out"
        for name in sorted(ours)
        if name in known and not environment[name].strip()
    ]
    if wrong:
        raise SettingsError(wrong)


def _unknown(name: str, known: set[str]) -> str:
    near = get_close_matches(name.upper(), sorted(known), n=1, cutoff=0.7)
    return f"{name} is not a setting" + (
        f"; did you mean {near[0]}?" if near else "; docs/settings.md lists them"
    )


def nested(environment: Mapping[str, str], settings: type[BaseModel]) -> dict[str, Any]:
    """The given values, as the model's nested input."""
    values: dict[str, Any] = {}
    for name, group, field, _ in variables(settings):
        value = environment.get(name) or _from_xdg(environment, group, field)
        if value is None:
            continue
        if group is None:
            values[field] = value
        else:
            values.setdefault(group, {})[field] = value
    return values


def _from_xdg(environment: Mapping[str, str], group: str | None, field: str) -> str | None:
    """The user's base folder; relative ones are ignored, as the XDG Base Directory Specification says."""
    base = Path(environment.get(_XDG.get((group or "", field), ""), ""))
    return str(base / "sekisho") if base.is_absolute() else None


def problems(error: ValidationError, environment: Mapping[str, str], settings: type[BaseModel]) -> list[str]:
    """One sentence for each thing wrong: the variable, its value (never a secret's), and what is allowed."""
    secrets = {variable.name for variable in variables(settings) if variable.secret}
    return [
        _sentence(details, environment, secrets)
        for details in error.errors(include_url=False, include_input=False)
    ]


def _sentence(details: ErrorDetails, environment: Mapping[str, str], secrets: set[str]) -> str:
    name = PREFIX + "_".join(str(part) for part in details["loc"][:2]).upper()
    why = details["msg"].removeprefix("Value error, ")
    if name not in environment:
        return why  # about several variables; the text names them
    given = "the value given" if name in secrets else repr(environment[name])
    return f"{name}: {given} is not allowed: {why[0].lower()}{why[1:]}"
