"""Messages of event streams, as Hypothesis makes them up."""

from __future__ import annotations

from hypothesis import strategies as st

from sagemaker_async.aws.eventstream import Byte, Int, Long, Short, Timestamp


def integers(kind: type[int], bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1).map(kind)


values = st.one_of(
    st.booleans(),
    integers(Byte, 8),
    integers(Short, 16),
    integers(Int, 32),
    integers(Long, 64),
    st.binary(max_size=64),
    st.text(st.characters(codec="utf-8"), max_size=32),
    integers(Timestamp, 64),
    st.uuids(),
)
headers = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=20), values, max_size=6)
messages = st.lists(st.tuples(headers, st.binary(max_size=200)), max_size=5)
