"""Which part of a record is sent, and which of its columns is its id: `Selection`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sagemaker_async.errors import ConfigurationError

__all__ = ["Selected", "Selection"]


@dataclass(frozen=True, slots=True)
class Selected:
    """What is to be sent for a record, or why nothing is."""

    id: str | int | None
    payload: Any
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which columns of a record matter.

    Raises:
        ConfigurationError: an option is wrong.
    """

    id_field: str | None = None
    """The column whose value is written with the result; it is not sent unless `fields` names it."""
    fields: tuple[str, ...] | None = None
    """The columns that are sent, in this order; None: all but the id."""
    payload_field: str | None = None
    """The one column whose value is sent as it is, in place of `fields`."""
    as_row: bool = False
    """Send the values in their order, for CSV, in place of names and values."""
    _needed: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        named = (self.id_field, *(self.fields or ()), self.payload_field)
        object.__setattr__(self, "_needed", tuple(name for name in named if name is not None))
        if self.fields is not None and self.payload_field is not None:
            raise ConfigurationError("fields and payload_field both say what is sent: pass one of them")
        if self.fields is not None and not self.fields:
            raise ConfigurationError("fields is empty, so nothing would be sent: name a column, or leave it out")

    def check(self, columns: tuple[str, ...]) -> None:
        """Check that a file has the columns that are needed.

        Raises:
            ConfigurationError: a column is missing; the message lists the existing ones.
        """
        if missing := self._missing(columns):
            listed = ", ".join(map(repr, columns)) or "none"
            raise ConfigurationError(f"the input has no column {missing}; its columns are {listed}")

    def of(self, value: Any) -> Selected:
        """Return what a record is called and what is sent of it."""
        if not isinstance(value, Mapping):
            if self._needed:
                return Selected(None, None, f"it is not an object with the field {self._missing(())}")
            return Selected(None, value)
        if missing := self._missing(value):
            return Selected(
                _written(value.get(self.id_field)) if self.id_field else None, None, f"it has no field {missing}"
            )
        id_ = _written(value[self.id_field]) if self.id_field is not None else None
        if self.payload_field is not None:
            return Selected(id_, value[self.payload_field])
        if self.fields is not None:
            value = {name: value[name] for name in self.fields}
        elif self.id_field is not None:
            value = {name: item for name, item in value.items() if name != self.id_field}
        # A tuple, because a list of texts means finished rows to CSVSerializer.
        return Selected(id_, tuple(value.values()) if self.as_row else value)

    def _missing(self, columns: Iterable[str]) -> str:
        return ", ".join(repr(name) for name in self._needed if name not in columns)


def _written(id_: Any) -> str | int | None:
    """Return an id as JSON holds it exactly; of a time or a number with a fraction, as Parquet has them, the text."""
    return id_ if id_ is None or isinstance(id_, str | int) else str(id_)
