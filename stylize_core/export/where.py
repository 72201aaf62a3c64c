"""Parses a condition on columns, such as `quality_ssim > 0.4 and style_weight < 1e7`; never runs it as code."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from stylize_core.errors import UsageError
from stylize_core.export.columns import columns_schema
from stylize_core.manifest.problems import did_you_mean

Values = Mapping[str, Any]

_EXAMPLE = "for instance, write \"quality_ssim > 0.4 and not (preset in ('fast', 'tv') or x_mark == 'bad')\""
_LONGEST = 10_000

_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, many: one in many,
    ast.NotIn: lambda one, many: one not in many,
}

KNOWN = tuple(name for name in columns_schema([]).names if name not in ("path", "label"))
"""Columns of every sample that a condition may name; the others depend on all samples together."""


class Where:
    """A condition: comparisons of columns, numbers and texts, `in`, `and`, `or`, `not` and parentheses.

    A missing value fulfils no comparison. Text that is compared with a number is converted to a number.

    Args:
        text: the condition.

    Attributes:
        extra: the `x_` columns that it names; only the manifest says whether they exist.

    Raises:
        UsageError: it is not a condition, or names an unknown column.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.extra: set[str] = set()
        try:
            if len(text) > _LONGEST:
                raise self._refused("it is too long")
            self._holds = self._condition(ast.parse(text.strip(), mode="eval").body)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise self._refused("it cannot be read") from error

    def __call__(self, values: Values) -> bool:
        """Returns whether the columns of a sample fulfil the condition."""
        return self._holds(values)

    def check_extra(self, known: set[str]) -> None:
        """Raises UsageError if the condition names an `x_` column that is not in `known`."""
        for name in sorted(self.extra - known):
            raise self._unknown(name, (*KNOWN, *known))

    def _condition(self, node: ast.expr) -> Callable[[Values], bool]:
        if isinstance(node, ast.BoolOp):
            parts, together = (
                [self._condition(part) for part in node.values],
                all if isinstance(node.op, ast.And) else any,
            )
            return lambda values: together(part(values) for part in parts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            part = self._condition(node.operand)
            return lambda values: not part(values)
        if isinstance(node, ast.Compare):
            operands = [self._value(operand) for operand in (node.left, *node.comparators)]
            return self._comparison(operands, [self._sign(sign) for sign in node.ops])
        raise self._refused(f"{ast.unparse(node)!r} is not a comparison")

    def _comparison(
        self, operands: list[Callable[[Values], Any]], signs: list[Callable[[Any, Any], bool]]
    ) -> Callable[[Values], bool]:
        def holds(values: Values) -> bool:
            found = [operand(values) for operand in operands]
            return all(_compare(sign, *pair) for sign, *pair in zip(signs, found, found[1:], strict=False))

        return holds

    def _sign(self, sign: ast.cmpop) -> Callable[[Any, Any], bool]:
        if type(sign) not in _COMPARED:
            raise self._refused("'is' is not supported; use ==")
        return _COMPARED[type(sign)]

    def _value(self, node: ast.expr) -> Callable[[Values], Any]:
        if isinstance(node, ast.Name):
            return self._column(node.id)
        if isinstance(node, ast.UnaryOp | ast.Constant | ast.Tuple | ast.List | ast.Set):
            value = ast.literal_eval(node)  # reads only literals
            for one in value if isinstance(value, tuple | list | set) else [value]:
                if isinstance(one, bool) or not isinstance(one, str | int | float):
                    raise self._refused(f"{one!r} is neither a number nor a text")
            return lambda values: value
        raise self._refused(f"{ast.unparse(node)!r} is not a column, a number or a text")

    def _column(self, name: str) -> Callable[[Values], Any]:
        if name.startswith("x_"):
            self.extra.add(name)
        elif name not in KNOWN:
            raise self._unknown(name, KNOWN)
        return lambda values: values.get(name)

    def _unknown(self, name: str, known: tuple[str, ...]) -> UsageError:
        what = f"there is no column {name!r}{did_you_mean(name, known)}"
        return UsageError(what, where="--where", todo=f"use {', '.join(KNOWN)}, or an x_… column of the manifest")

    def _refused(self, why: str) -> UsageError:
        return UsageError(f"{self._text[:200]!r} is not a condition: {why}", where="--where", todo=_EXAMPLE)


def _compare(sign: Callable[[Any, Any], bool], one: Any, other: Any) -> bool:
    if one is None or other is None:
        return False
    if sign in (_COMPARED[ast.In], _COMPARED[ast.NotIn]):
        if isinstance(other, str):
            return sign(str(one), other)
        is_in = (
            any(_compare(operator.eq, one, each) for each in other) if isinstance(other, tuple | list | set) else False
        )
        return is_in is (sign is _COMPARED[ast.In])
    try:
        return sign(*_alike(one, other))
    except (TypeError, ValueError):  # a list, or a text that is not a number
        return sign is operator.ne


def _alike(one: Any, other: Any) -> tuple[Any, Any]:
    if isinstance(one, str) and isinstance(other, int | float):
        return float(one), other
    if isinstance(other, str) and isinstance(one, int | float):
        return one, float(other)
    return one, other
