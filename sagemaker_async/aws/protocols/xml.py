"""The XML of AWS's answers, read as texts with the names on the way to them. Pure.

As much of XML as answers of flat text members need, and of lists of such: an element deeper than `DEPTH` is not read,
and a document deeper than `MAX_DEPTH` is refused. So is one with a document type: AWS sends none, and what it could
declare, entities above all, is not wanted. Attributes, comments and processing instructions are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.parsers import expat

__all__ = ["DEPTH", "MAX_BYTES", "MAX_ELEMENTS", "Elements", "elements"]

DEPTH = 4
"""How deep an element may be to be read: as a member in ``<Response><Errors><Error>``. Without a limit, the names on
the way to elements within elements would take memory that grows with the square of the body."""

MAX_DEPTH = 64
"""How deep a document may be: the parser remembers each open element, in ten times the memory of its tag."""

MAX_BYTES = 16 << 20
"""The largest document that is read. A page of 1,000 S3 keys, the largest answer, has some 4 MiB at most."""

MAX_ELEMENTS = 50_000
"""How many elements are kept. A page of 1,000 S3 keys has some 12,000."""

_SLICE = 1 << 16
"""Bytes that the parser is given at once: after a refusal it reads what it has to its end."""

Elements = list[tuple[tuple[str, ...], str]]
"""Each element in the order in which it begins: the names on the way to it, its own the last, and its text."""


def elements(body: bytes) -> Elements | None:
    """Return the elements of a document; None if it is not XML, or too large."""
    if len(body) > MAX_BYTES:
        return None
    found: list[tuple[tuple[str, ...], list[str]]] = []
    path: list[str] = []
    open_texts: list[list[str]] = []

    def start(name: str, _attributes: Mapping[str, str]) -> None:
        path.append(name)
        if len(path) > MAX_DEPTH:
            raise ValueError("too deep")
        if len(path) <= DEPTH:
            if len(found) >= MAX_ELEMENTS:
                raise ValueError("too many elements")
            text: list[str] = []
            open_texts.append(text)
            found.append((tuple(path), text))

    def end(_name: str) -> None:
        if len(path) <= DEPTH:
            open_texts.pop()
        path.pop()

    def characters(text: str) -> None:
        if len(path) <= DEPTH:
            open_texts[-1].append(text)

    def refuse(*_declaration: object) -> None:
        raise ValueError("a document type")

    parser = expat.ParserCreate()
    parser.buffer_text = True  # else each line of a text is a call
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = refuse
    try:
        for begin in range(0, len(body), _SLICE):
            parser.Parse(body[begin : begin + _SLICE], False)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError):  # the last of an encoding that Python does not have
        return None
    return [(names, "".join(pieces)) for names, pieces in found]
