"""Answers are validated as their models do, by a schema that pydantic did not make; the models stay what they are."""

from __future__ import annotations

import copy
import datetime as dt
import json
import pickle
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import SchemaValidator

from sagemaker_async.aws import sts
from sagemaker_async.aws.protocols.structures import Timestamp
from sagemaker_async.aws.s3 import shapes as s3_shapes
from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.models import AnsweredShape, AsItIs, ResponseShape
from sagemaker_async.aws.shapes.response_schema import response_validator
from sagemaker_async.aws.sqs import shapes as sqs_shapes
from sagemaker_async.hosting import unmodelled
from sagemaker_async.hosting.generated import shapes
from sagemaker_async.hosting.operations import OPERATIONS
from sagemaker_async.runtime import shapes as runtime_shapes
from sagemaker_async.runtime.routers import shapes as router_shapes

METADATA = ResponseMetadata("id", 200, {}, ())
NAMES = {name for module in shapes._NAMES.values() for name in module.split()}
HOSTING = [getattr(shapes, name) for name in NAMES if isinstance(getattr(shapes, name), type)]
OTHERS = [
    value
    for module in (runtime_shapes, router_shapes, s3_shapes, sqs_shapes, sts, unmodelled)
    for value in vars(module).values()
    if isinstance(value, type) and value.__module__ == module.__name__
]
ANSWERS: list[type[AnsweredShape]] = sorted(
    {each for each in (*HOSTING, *OTHERS) if issubclass(each, AnsweredShape)}, key=lambda shape: shape.__name__
)


def test_the_answers_of_all_operations_are_among_them() -> None:
    names = {shape.__name__ for shape in ANSWERS}
    assert {row.response for row in OPERATIONS.values()} < names
    assert {"InvokeEndpointStreamedBodyResponse", "ReceiveMessageResponse", "ListObjectsV2Response"} < names


# --- what they make of documents -------------------------------------------------------------------------------------

ODD: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-3, 2**40) | st.floats() | st.text("a1.-\ud800", max_size=3)
    | st.binary(max_size=2) | st.sampled_from([[], {}, [None], "2026-01-02T03:04:05"])
)  # fmt: skip
VALID: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text("ab", max_size=2),
    int: st.integers(),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    dt.datetime: st.floats(0, 2e9) | st.just("2026-01-02T03:04:05Z") | st.datetimes(),
}


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Return a strategy of what an answer may hold where this is annotated, and of what it may not."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return values(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return values(next(each for each in arguments if each is not types.NoneType))
    if origin is list:
        return st.lists(values(arguments[0]), max_size=2) | ODD
    if origin is dict:
        return st.dictionaries(st.text("ab", max_size=1), values(arguments[1]), max_size=2) | ODD
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return st.deferred(lambda: documents(annotation)) | ODD
    return VALID.get(annotation, ODD) | ODD


def documents(shape: type[pydantic.BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy of documents with some of a model's members, in either spelling, and some that it has not."""
    members = {name: values(info.annotation) for name, info in shape.model_fields.items()}
    members |= {info.alias: members[name] for name, info in shape.model_fields.items() if info.alias is not None}
    names = st.lists(st.sampled_from([*members, "Newer", "newest"]), max_size=4, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: members.get(name, ODD) for name in chosen}))


def seen(value: Any) -> Any:
    """Return all that can be seen of an answer, to its depth."""
    if isinstance(value, pydantic.BaseModel):
        extra = {name: seen(member) for name, member in (value.model_extra or {}).items()}
        members = {name: seen(member) for name, member in value.__dict__.items()}
        return type(value), members, value.model_fields_set, extra
    if isinstance(value, list):
        return [seen(element) for element in value]
    if isinstance(value, dict):
        return {key: seen(member) for key, member in value.items()}
    return type(value), repr(value)


def outcome(validate: Callable[[Any], Any], document: Any) -> Any:
    try:
        return seen(validate(document))
    except pydantic.ValidationError as error:
        return str(error), [(complaint["loc"], complaint["type"], complaint["msg"]) for complaint in error.errors()]


@pytest.mark.parametrize("shape", ANSWERS, ids=lambda shape: shape.__name__)
def test_a_document_becomes_what_the_model_makes_of_it(shape: type[AnsweredShape]) -> None:
    ours = response_validator(shape)

    @settings(max_examples=40, deadline=None, database=None)
    @given(documents(shape), st.booleans())
    def check(document: dict[str, Any], complete: bool) -> None:
        if complete:
            document = {"metadata": METADATA} | document
        assert outcome(ours.validate_python, document) == outcome(shape.model_validate, document)

    check()


@pytest.mark.parametrize("document", [None, [], "text", 7, {1: 2}])
def test_what_is_no_document_is_refused_as_the_model_does(document: Any) -> None:
    shape = shapes.ListEndpointsResponse
    assert outcome(response_validator(shape).validate_python, document) == outcome(shape.model_validate, document)


@pytest.mark.parametrize("row", OPERATIONS.values(), ids=OPERATIONS)
def test_no_answer_of_the_control_plane_needs_pydantic_to_build_it(row: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(pydantic.BaseModel, "model_rebuild", refused)
    assert isinstance(response_validator.__wrapped__(getattr(shapes, row.response)), SchemaValidator)


# --- kinds of fields -------------------------------------------------------------------------------------------------


class Even(AnsweredShape):
    """Has a kind of field that pydantic has to build."""

    number: Annotated[int, pydantic.Field(multiple_of=2)] = pydantic.Field(alias="Number")


class HoldsEven(AnsweredShape):
    even: list[Even] | None = pydantic.Field(None, alias="Even")


def first_half(value: object) -> object:
    return value[: len(value) // 2] if isinstance(value, str) else value


def doubled(value: object) -> object:
    return value * 2 if isinstance(value, str) else value


class Marked(AnsweredShape):
    text: Annotated[str, pydantic.BeforeValidator(str.strip), pydantic.BeforeValidator(first_half)] = ""
    inside: list[Annotated[str, pydantic.BeforeValidator(doubled)]] = pydantic.Field(default_factory=list)
    as_it_is: Annotated[int, AsItIs] = 0
    either: int | str | None = None


@pytest.mark.parametrize("shape", [Even, HoldsEven])
def test_a_model_of_other_kinds_is_built_by_pydantic(shape: type[AnsweredShape]) -> None:
    validator = response_validator(shape)
    assert validator is shape.__pydantic_validator__
    for document in ({"Number": 2}, {"Number": 3}, {"Even": [{"Number": 2}]}, {"Even": [{"Number": 3}]}):
        assert outcome(validator.validate_python, document) == outcome(shape.model_validate, document)


@pytest.mark.parametrize(
    "document", [{}, {"text": " ab  cd "}, {"inside": ["a"]}, {"as_it_is": "text"}, {"either": "x"}, {"either": 1}]
)
def test_marks_are_applied_in_pydantics_order(document: Any) -> None:
    assert outcome(response_validator(Marked).validate_python, document) == outcome(Marked.model_validate, document)


# --- what an answer can do, whose model nobody has built -------------------------------------------------------------


def answer() -> Any:
    """Return an answer of a model that is new, with a nested one."""

    class Part(AnsweredShape):
        name: str = pydantic.Field(alias="Name")
        begun: Timestamp | None = pydantic.Field(None, alias="Begun")

    class Answer(ResponseShape):
        parts: list[Part] = pydantic.Field(alias="Parts")
        note: str | None = pydantic.Field(None, alias="Note", repr=False)

    members = {"Parts": [{"Name": "n", "Begun": 1.5, "Newer": [1]}], "Newest": {"a": 1}, "metadata": METADATA}
    made = Answer.of_members(members)
    assert not Answer.__pydantic_complete__
    return made


BEGUN = dt.datetime(1970, 1, 1, 0, 0, 1, 500000, dt.UTC)


def test_it_is_dumped() -> None:
    assert answer().model_dump(by_alias=True, exclude_unset=True) == {
        "Parts": [{"Name": "n", "Begun": BEGUN, "Newer": [1]}],
        "Newest": {"a": 1},
    }
    assert answer().parts[0].model_dump() == {"name": "n", "begun": BEGUN, "Newer": [1]}
    assert json.loads(answer().model_dump_json())["parts"][0]["begun"] == "1970-01-01T00:00:01.500000Z"
    assert json.loads(answer().parts[0].model_dump_json(by_alias=True))["Name"] == "n"


def test_it_is_shown() -> None:
    assert repr(answer().parts[0]) == f"Part(name='n', begun={BEGUN!r}, Newer=[1])"
    assert "note" not in repr(answer())
    assert str(answer()).startswith("metadata=ResponseMetadata(")


def test_it_is_copied_and_compared() -> None:
    made = answer()
    for twin in (copy.copy(made), copy.deepcopy(made), made.model_copy(), made.model_copy(deep=True)):
        assert twin == made
        assert seen(twin) == seen(made)
    assert made.model_copy(update={"note": "x"}).note == "x"
    assert made != made.model_copy(update={"note": "x"})
    assert made.parts[0] == copy.deepcopy(made.parts[0])


def test_it_is_pickled() -> None:
    document = {"EndpointName": "e", "ProductionVariants": [{"VariantName": "v", "Newer": 1}], "metadata": METADATA}
    made = shapes.DescribeEndpointResponse.of_members(document)
    assert seen(pickle.loads(pickle.dumps(made))) == seen(made)
    assert made.production_variants is not None
    variant = made.production_variants[0]
    assert seen(pickle.loads(pickle.dumps(variant))) == seen(variant)


def test_its_model_validates_and_describes_itself() -> None:
    kind = type(answer())
    again = kind.model_validate({"parts": [{"name": "n"}], "metadata": METADATA})
    assert again.parts[0].name == "n"
    assert kind.model_json_schema(by_alias=True)["properties"]["Parts"]["type"] == "array"
    assert type(answer().parts[0]).model_json_schema()["properties"]["Name"]["type"] == "string"
    with pytest.raises(pydantic.ValidationError):
        kind(metadata=METADATA)


def test_it_is_frozen() -> None:
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        answer().note = "x"
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        answer().parts[0].name = "x"


def test_it_is_a_field_of_somebodys_model() -> None:
    made = answer()

    class Own(pydantic.BaseModel):
        answer: type(made)  # type: ignore[valid-type]

    assert Own(answer=made).answer is made
    assert Own(answer=made).model_dump()["answer"]["parts"][0]["name"] == "n"
