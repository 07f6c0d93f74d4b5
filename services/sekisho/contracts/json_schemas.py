"""JSON Schemas (draft 2020-12) of the messages, from their models; descriptions are the models' own docstrings."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from types import ModuleType
from typing import Any, Final

from pydantic import BaseModel

from sekisho.contracts.messages import MODELS
from sekisho.contracts.reading import parts

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema(type_: str) -> dict[str, Any]:
    """The schema of one message's data."""
    model = MODELS[type_]
    schema = model.model_json_schema(by_alias=True)
    told = {each.__name__: _told(each) for each in _models(model)}
    _describe(schema, told[model.__name__])
    for name, definition in schema.get("$defs", {}).items():
        _describe(definition, told[name])
    schema.pop("title", None)
    return {"$schema": DIALECT, "$id": f"urn:sekisho:schema:{type_}", "title": type_, **schema}


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for part, _ in parts(field.annotation):
            yield from _models(part)


def _describe(definition: dict[str, Any], told: dict[str, str]) -> None:
    """Puts the docstrings in and takes the generated titles, which repeat the names, out."""
    definition.pop("title", None)
    for name, field in definition.get("properties", {}).items():
        field.pop("title", None)
        if name in told:
            field["description"] = told[name]


def _told(model: type[BaseModel]) -> dict[str, str]:
    """The docstrings under the fields of a model and of the models that it extends."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base.__module__.startswith("sekisho."):
            found |= _docstrings(sys.modules[base.__module__]).get(base.__name__, {})
    return found


@cache
def _docstrings(module: ModuleType) -> dict[str, dict[str, str]]:
    classes = (each for each in ast.parse(inspect.getsource(module)).body if isinstance(each, ast.ClassDef))
    return {each.name: dict(_documented(each.body)) for each in classes}


def _documented(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement, following in pairwise(body):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            yield statement.target.id.rstrip("_"), inspect.cleandoc(following.value.value)
