"""`ByAWSName`: members under AWS's spelling, for code that was written for botocore's dicts.

It is here, below everything else, because two of the events of a response stream are errors.
"""

from __future__ import annotations

from typing import Any


class ByAWSName:
    """Gives members by AWS's names: ``response["ContentType"]``, ``"PayloadPart" in event``, ``event.get(...)``.

    A member that is None counts as absent, as one that was not answered is in botocore's dicts.
    """

    __slots__ = ()

    def get(self, name: str, default: Any = None) -> Any:
        """Return a member by AWS's name of it, or `default` when it is absent."""
        raise NotImplementedError

    def __getitem__(self, name: str) -> Any:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None
