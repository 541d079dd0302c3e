"""Where settings are found outside the program: environment variables, and the profile of the shared AWS files.

`load_shared_files` reads the files, which blocks: call it in a thread. botocore parses them, and is imported only when
there is one. As in botocore, a profile's keys in the credentials file win over those in the config file, and a missing
file counts as empty. Unlike in botocore, an empty variable counts as unset, and a file that exists but cannot be read
is an error.

Each setting remembers where it was found, and every `ConfigurationError` raised here says so: the variable, or the key,
profile and file. Messages repeat the value of a wrong setting and no other text of the files, which hold secrets.

https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sagemaker_async import _lazy
from sagemaker_async.config import check_endpoint_url
from sagemaker_async.errors import ConfigurationError

__all__ = ["Found", "Profile", "SharedFiles", "Sources", "load_shared_files"]

Choice = TypeVar("Choice", bound=str)
Section = Mapping[str, Any]
"""Keys and values; a value is text, or for an indented block a mapping of texts."""


class Found(NamedTuple):
    """A setting's text and where it was found, with its conversions to other types."""

    text: str
    source: str

    def flag(self) -> bool:
        """Return ``true`` or ``false`` (upper or lower case) as a bool."""
        text = self.text.strip().lower()
        if text not in ("true", "false"):
            raise ConfigurationError(f"{self.source} must be true or false, got {self.text!r}")
        return text == "true"

    def whole_number(self) -> int:
        """Return a whole number of at least 1."""
        try:
            number = int(self.text)
        except ValueError:
            number = 0
        if number < 1:
            raise ConfigurationError(f"{self.source} must be a whole number of at least 1, got {self.text!r}")
        return number

    def choice(self, choices: Sequence[Choice]) -> Choice:
        """Return the one of `choices` that the text names, in upper or lower case."""
        for choice in choices:
            if self.text.strip().lower() == choice:
                return choice
        raise ConfigurationError(f"{self.source} must be one of {', '.join(choices)}; got {self.text!r}")

    def endpoint_url(self) -> str:
        """Return the URL of an endpoint."""
        check_endpoint_url(self.text, self.source)
        return self.text


class Profile(NamedTuple):
    """One profile of the shared files; it has no sections when no profile is named and ``default`` does not exist."""

    name: str
    sections: tuple[tuple[Path, Section], ...] = ()
    """The profile's sections with their files, the stronger first."""

    def find(self, key: str) -> Found | None:
        """Return the setting of a key; None when the key is absent or empty."""
        for path, section in self.sections:
            source = f"{key} of profile {self.name!r} in {path}"
            if (found := _found(section, key, source)) is not None:
                return found
        return None


class SharedFiles(NamedTuple):
    """The two shared files, read; both are empty when they do not exist."""

    config_path: Path
    credentials_path: Path
    config_profiles: Mapping[str, Section]
    credentials_profiles: Mapping[str, Section]
    services: Mapping[str, Section]
    """The sections ``[services name]`` of the config file."""

    def profile(self, name: str | None, source: str) -> Profile:
        """Return a profile.

        Args:
            name: the profile's name; None stands for ``default``, which need not exist then.
            source: where the name comes from, for the message.

        Raises:
            ConfigurationError: a named profile is in neither file.
        """
        wanted = name or "default"
        both = ((self.credentials_path, self.credentials_profiles), (self.config_path, self.config_profiles))
        sections = tuple((path, profiles[wanted]) for path, profiles in both if wanted in profiles)
        if not sections and name is not None:
            known = sorted({*self.config_profiles, *self.credentials_profiles})
            raise ConfigurationError(
                f"{source} names the profile {name!r}, which is neither in {self.config_path} nor in "
                f"{self.credentials_path}; {_nearest(name, known, 'profiles')}. Correct the name, add the profile, or "
                "point AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE to the file that contains it"
            )
        return Profile(wanted, sections)

    def service_setting(self, profile: Profile, service: str, key: str) -> Found | None:
        """Return a setting of one service from the ``services`` section that the profile names; None without one.

        Args:
            profile: the profile.
            service: the section's name of the service, such as ``sagemaker_runtime``.
            key: such as ``endpoint_url``.

        Raises:
            ConfigurationError: the profile names a section that does not exist, or the section is malformed.
        """
        named = profile.find("services")
        if named is None:
            return None
        section = self.services.get(named.text)
        if section is None:
            raise ConfigurationError(
                f"{named.source} is {named.text!r}, but {self.config_path} has no section [services {named.text}]; "
                f"{_nearest(named.text, sorted(self.services), 'services sections')}"
            )
        settings = section.get(service, {})
        source = f"{service} in [services {named.text}] of {self.config_path}"
        if not isinstance(settings, Mapping):
            raise ConfigurationError(f"{source} must be followed by indented lines such as {key} = ..., got a value")
        return _found(settings, key, f"{key} of {source}")


class Sources(NamedTuple):
    """The environment and one profile, asked in this order."""

    environ: Mapping[str, str]
    profile: Profile

    def variable(self, *names: str) -> Found | None:
        """Return the first of these environment variables that is set and not empty."""
        for name in names:
            if text := self.environ.get(name):
                return Found(text, name)
        return None

    def find(self, variable: str, key: str) -> Found | None:
        """Return a setting from its environment variable, or else from its key in the profile."""
        return self.variable(variable) or self.profile.find(key)

    def flag(self, configured: bool | None, variable: str, key: str) -> bool:
        """Return `configured`, or where that is None the flag found as by `find`; False when it is set nowhere."""
        if configured is not None:
            return configured
        found = self.find(variable, key)
        return found is not None and found.flag()


def load_shared_files(environ: Mapping[str, str]) -> SharedFiles:
    """Read the shared config and credentials files, where they exist. Blocking.

    Args:
        environ: the environment; ``AWS_CONFIG_FILE`` and ``AWS_SHARED_CREDENTIALS_FILE`` replace ``~/.aws/...``.

    Raises:
        ConfigurationError: a file cannot be read or is malformed.
    """
    config_path = _path(environ, "AWS_CONFIG_FILE", "~/.aws/config")
    credentials_path = _path(environ, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    config: Mapping[str, Any] = {}
    credentials: Mapping[str, Section] = {}
    if _is_there(config_path, "AWS_CONFIG_FILE"):
        config = _parsed(_lazy.library("botocore.configloader").load_config, config_path)
    if _is_there(credentials_path, "AWS_SHARED_CREDENTIALS_FILE"):
        credentials = _parsed(_lazy.library("botocore.configloader").raw_config_parse, credentials_path)
    return SharedFiles(
        config_path, credentials_path, config.get("profiles", {}), credentials, config.get("services", {})
    )


def _path(environ: Mapping[str, str], variable: str, default: str) -> Path:
    text = environ.get(variable) or default
    if "$" in text:
        text = re.sub(r"\$(\w+|\{\w+\})", lambda m: environ.get(m[1].strip("{}"), m[0]), text)
    home = environ.get("HOME" if os.name == "posix" else "USERPROFILE")
    if home and text.startswith(("~/", "~\\")):
        text = home + text[1:]
    # Not Path.expanduser, which raises where a container's user has no home.
    return Path(os.path.expanduser(os.path.expandvars(text)))  # noqa: PTH111


def _is_there(path: Path, variable: str) -> bool:
    try:
        if not path.is_file():
            return False
    except OSError:  # such as somebody else's home directory: the same as no file
        return False
    if not os.access(path, os.R_OK):
        raise ConfigurationError(
            f"{path} exists but cannot be read: allow this process to read it, or point {variable} elsewhere "
            "(to /dev/null for no file)"
        )
    return True


def _parsed(parse: Any, path: Path) -> Mapping[str, Any]:
    exceptions = _lazy.library("botocore.exceptions")
    try:
        parsed: Mapping[str, Any] = parse(str(path))
    except exceptions.ConfigNotFound:  # removed meanwhile
        return {}
    except exceptions.ConfigParseError as error:
        cause = error.kwargs.get("error")
    else:
        return parsed
    # Raised outside the handler: the parser's error quotes the line, and must not even be the context of ours.
    lines = [number for number, _ in getattr(cause, "errors", ())] or [getattr(cause, "lineno", None)]
    place = f"{path}, line {lines[0]}," if lines[0] else str(path)
    raise ConfigurationError(
        f"{place} is malformed ({type(cause).__name__}): an AWS config file is UTF-8 text with each [section] once, "
        "and under it lines of the form key = value, each key once; indented lines belong to the key above them"
    )


def _found(section: Section, key: str, source: str) -> Found | None:
    value = section.get(key)
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"{source} must be one value on the same line, got an indented block")
    return Found(value, source) if value else None


def _nearest(name: str, known: Sequence[str], what: str) -> str:
    if not known:
        return f"there are no {what} at all"
    nearest = get_close_matches(name, known, n=1)
    question = f"did you mean {nearest[0]!r}? " if nearest else ""
    listed = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    return f"{question}the {what} are: {listed}"
