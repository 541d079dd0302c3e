"""Tags: AddTags, ListTags, DeleteTags, on every resource that has an ARN."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .account import Family
from .listing import page_of
from .records import Fields, Record, Table, refused

__all__ = ["Tags"]

_MOST = 50


class Tags:
    """The tags of an account's resources.

    Args:
        families: where the resources are kept.
    """

    tables: Sequence[Table[Record]] = ()

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families
        self.operations: dict[str, Callable[[Fields], Fields]] = {
            "AddTags": self.add,
            "ListTags": self.list_page,
            "DeleteTags": self.delete,
        }

    def add(self, request: Fields) -> Fields:
        """AddTags."""
        record = self._resource(request["ResourceArn"])
        given = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        reserved = [key for key in given if key.lower().startswith("aws:")]
        if reserved:
            raise refused(f"Tag keys that begin with 'aws:' are reserved: {', '.join(reserved)}")
        tags = record.tags | given
        if len(tags) > _MOST:
            raise refused(f"A resource can have at most {_MOST} tags.")
        record.tags = tags
        return {"Tags": _listed(tags)}

    def list_page(self, request: Fields) -> Fields:
        """ListTags."""
        arn = request["ResourceArn"]
        tags = _listed(self._resource(arn).tags)
        page, token = page_of(tags, request, operation=f"ListTags {arn}", size=_MOST)
        return {"Tags": page} | ({"NextToken": token} if token else {})

    def delete(self, request: Fields) -> Fields:
        """DeleteTags; unknown keys are ignored."""
        record = self._resource(request["ResourceArn"])
        for key in request["TagKeys"]:
            record.tags.pop(key, None)
        return {}

    def _resource(self, arn: str) -> Record:
        for family in self._families:
            for table in family.tables:
                for record in table:
                    if record.arn == arn:
                        tagged: Record = record
                        return tagged
        raise refused(f'Could not find resource "{arn}".')


def _listed(tags: dict[str, str]) -> list[Fields]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
