"""`NewSession`: what an answer says about the stateful session that it opened."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple, Self

__all__ = ["NewSession"]


class NewSession(NamedTuple):
    """A stateful session the endpoint opened: the two parts of ``NewSessionId``."""

    id: str
    """What to send as `session_id` in the requests that belong to the session."""
    expires: dt.datetime | None
    """When it ends, in UTC; None when the answer did not say."""

    @classmethod
    def of(cls, new_session_id: str) -> Self:
        """Return the parts of ``{id}; Expires={yyyy-mm-ddThh:mm:ssZ}``."""
        session_id, _, rest = new_session_id.partition(";")
        name, _, text = rest.strip().partition("=")
        expires = None
        if name == "Expires":
            try:
                expires = dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
            except ValueError:
                expires = None
        return cls(session_id, expires)
