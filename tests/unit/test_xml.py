"""XML of others: read flat and in order, and refused where it declares, nests or grows beyond what AWS sends."""

from __future__ import annotations

from typing import Any

import pytest

from sagemaker_async.aws.protocols.xml import DEPTH, MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, elements


def test_elements_come_in_order_with_the_names_on_the_way_to_them() -> None:
    body = b'<?xml version="1.0"?><L xmlns="u"><K a="1">a&amp;b</K><!-- c --><K><D> x </D></K><E/></L>'
    assert elements(body) == [
        (("L",), ""),
        (("L", "K"), "a&b"),
        (("L", "K"), ""),
        (("L", "K", "D"), " x "),
        (("L", "E"), ""),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"text",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"\xff",
        b"<a>&unknown;</a>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<!DOCTYPE a><a/>",
        b'<?xml version="1.0" encoding="of-nobody"?><a/>',
        b'<?xml version="1.0" encoding="hex"?><a/>',
        b'<?xml version="1.0" encoding="shift_jis"?><a/>',
    ],
)
def test_what_is_not_plain_xml_is_refused(body: bytes) -> None:
    assert elements(body) is None


def test_every_beginning_of_a_document_is_refused() -> None:
    body = b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>"
    assert elements(body) is not None
    assert all(elements(body[:cut]) is None for cut in range(len(body)))


def test_what_is_deeper_than_aws_nests_is_passed_over() -> None:
    found = elements(b"<a>" * MAX_DEPTH + b"x" + b"</a>" * MAX_DEPTH)
    assert found is not None
    assert len(found) == DEPTH
    assert not any(text for _, text in found)


def test_a_document_without_end_to_its_depth_is_refused_at_its_beginning() -> None:
    assert elements(b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1)) is None
    read = 0

    class Body(bytes):
        def __getitem__(self, part: Any) -> Any:
            nonlocal read
            piece = super().__getitem__(part)
            read += len(piece)
            return piece

    assert elements(Body(b"<a>" * 1_000_000)) is None
    assert read < 100_000


def test_a_document_that_is_too_large_is_refused() -> None:
    assert elements(b"<a>" + b" " * MAX_BYTES + b"</a>") is None
    many = b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>"
    assert elements(many) is None
    assert elements(b"<a>" + b"<b/>" * (MAX_ELEMENTS - 1) + b"</a>") is not None
