"""Times of a record to the millisecond, the precision that results are stored and scored at.

Rounding happens once, before scoring: a score recomputed from the stored facts is the same.
"""

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

DECIMALS = 3

T = TypeVar("T")


def rounded(value: T) -> T:
    """A copy of a record, with every float in it and in the records it holds rounded."""
    copy: Any = value
    if isinstance(value, float):
        copy = round(float(value), DECIMALS)  # also makes numpy's floats plain ones
    elif isinstance(value, tuple):
        copy = tuple(rounded(item) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        copy = replace(value, **{f.name: rounded(getattr(value, f.name)) for f in fields(value)})
    return cast(T, copy)
