"""What an exception keeps of the calls it came through: `forget_frames`.

A traceback keeps each frame's local variables alive, and error reporters and debuggers show them. Between a client and
the socket these are the signed request with its signature and session token, the proxy's login, answers of credential
services. No error is allowed to carry them to a log.
"""

from __future__ import annotations

import sys
from types import TracebackType

from sagemaker_async.errors import SageMakerAsyncError

__all__ = ["forget_frames"]

_OURS = {__name__.partition(".")[0], "aiohttp", "botocore", "multidict", "urllib3", "uvloop", "yarl"}
"""This package and what it stands on. The standard library belongs to whoever called it."""


def forget_frames(error: BaseException) -> None:
    """Drop the frames of this package from the tracebacks of an exception and of all that it is chained to.

    Frames of users' own code that we called (a callback, an interceptor, a source of credentials) stay, for there is no
    other way to see where it failed. So do all frames of an `Exception` that is neither ours nor came from such code:
    it is a defect of this package, and has to be found.
    """
    seen: set[int] = set()
    chained: list[BaseException | None] = [error]
    while chained:
        each = chained.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        chained += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            chained += each.exceptions
        users = _of_users(each.__traceback__)
        is_defect = each is error and isinstance(each, Exception) and not isinstance(each, SageMakerAsyncError)
        if users or not is_defect:
            each.__traceback__ = _joined(users)


def _of_users(traceback: TracebackType | None) -> list[TracebackType]:
    """Return the entries of a traceback that are of code which is neither ours nor was called by ours."""
    entries = []
    is_ours = True
    while traceback is not None:
        package = str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in _OURS:
            is_ours = True
        elif package not in sys.stdlib_module_names:
            is_ours = False
        if not is_ours:
            entries.append(traceback)
        traceback = traceback.tb_next
    return entries


def _joined(entries: list[TracebackType]) -> TracebackType | None:
    joined: TracebackType | None = None
    for entry in reversed(entries):
        joined = TracebackType(joined, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return joined
