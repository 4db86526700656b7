"""Expressions and conditions of templates: Common Expression Language over inputs and earlier outputs. No `eval`, no side effects.

Source: the CEL specification (github.com/google/cel-spec), by way of the cel-python library.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from prisma_assets.domain.errors import PermanentError

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_STEP = re.compile(r"\b(?:steps|status)\.([A-Za-z_]\w*)")
_INPUT = re.compile(r"\binputs\.([A-Za-z_]\w*)")
_ROOT = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(?!\w*\s*\()")
_BOUND = re.compile(r"\.(?:all|exists|exists_one|filter|map)\(\s*([A-Za-z_]\w*)\s*,")
_WORDS = frozenset({"true", "false", "null", "in"})
ROOTS = frozenset({"inputs", "steps", "status", "output", "item", "outer"})
"""`inputs.<name>`, `steps.<id>.<output>`, `status.<id>` (COMPLETED or SKIPPED); after the step `output.<name>`; for one
branch of a for-each `item`, and `outer` where one stands inside another."""


class ConditionError(PermanentError):
    """A condition could not be evaluated."""


class Expression(str):
    """The text of one CEL expression."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: type, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Accept text; the syntax is checked here, the names by the template's validation."""
        return core_schema.no_info_plain_validator_function(
            cls._checked, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Publish an expression as text, for editors."""
        return {"type": "string", "description": cls.__doc__}

    @classmethod
    def _checked(cls, value: object) -> Self:
        if not isinstance(value, str):
            raise ValueError(f"an expression is text, not {type(value).__name__}")  # noqa: TRY004 - pydantic collects ValueError
        text = value.strip()
        _program(text)
        return cls(text)

    @property
    def step_ids(self) -> frozenset[str]:
        """Ids of the steps the expression reads."""
        return frozenset(_STEP.findall(_STRING.sub('""', self)))

    @property
    def input_names(self) -> frozenset[str]:
        """Names of the inputs the expression reads."""
        return frozenset(_INPUT.findall(_STRING.sub('""', self)))

    @property
    def roots(self) -> frozenset[str]:
        """Names the expression starts from, e.g. `steps`."""
        bare = _STRING.sub('""', self)
        return frozenset(_ROOT.findall(bare)) - _WORDS - frozenset(_BOUND.findall(bare))

    def value(self, context: Mapping[str, Any]) -> Any:
        """The expression's value as JSON.

        Args:
            context: JSON values under the names of `ROOTS`.

        Raises:
            ConditionError: A name is missing, or the types do not fit.
        """
        from celpy.adapter import CELJSONEncoder, json_to_cel
        from celpy.evaluation import CELEvalError

        try:
            result = _program(self).evaluate({k: json_to_cel(v) for k, v in context.items()})
        except CELEvalError as error:
            raise ConditionError(f"`{self}` cannot be evaluated: {error.args[0]}") from error
        return json.loads(json.dumps(result, cls=CELJSONEncoder))


class Condition(Expression):
    """A CEL expression that yields true or false."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Publish a condition as text, or the constant it may be."""
        return {"type": ["string", "boolean"], "description": cls.__doc__}

    @classmethod
    def _checked(cls, value: object) -> Self:
        if isinstance(value, bool):
            value = "true" if value else "false"
        if value in ("true", "false"):  # The usual constant needs no parser at load time.
            return cls(value)
        return super()._checked(value)

    def holds(self, context: Mapping[str, Any]) -> bool:
        """Whether the condition is true.

        Raises:
            ConditionError: As `value`; or the result is neither true nor false.
        """
        if self in ("true", "false"):
            return self == "true"
        result = self.value(context)
        if not isinstance(result, bool):
            raise ConditionError(f"condition `{self}` gives {result!r}, not true or false")
        return result


@lru_cache(maxsize=512)
def _program(text: str) -> Any:
    from celpy import Environment
    from celpy.celparser import CELParseError

    environment = Environment()
    try:
        return environment.program(environment.compile(text))
    except CELParseError as error:
        where = f" at column {error.column}" if error.column is not None else ""
        raise ValueError(f"`{text}` is not a valid CEL expression{where}") from error
