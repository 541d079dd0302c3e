"""Settings found in variables and shared files: their conversions, and which file wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagemaker_async.aws.settings.sources import Found, Profile, Sources, load_shared_files
from sagemaker_async.errors import ConfigurationError


@pytest.mark.parametrize(("text", "flag"), [("true", True), ("FALSE", False), (" True ", True)])
def test_flags_are_true_or_false_in_any_case(text: str, flag: bool) -> None:
    assert Found(text, "HERE").flag() is flag


@pytest.mark.parametrize("text", ["1", "yes", "on", "", "truee"])
def test_other_flags_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^HERE must be true or false"):
        Found(text, "HERE").flag()


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "", "1e3"])
def test_counts_are_whole_and_at_least_1(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^HERE must be a whole number of at least 1"):
        Found(text, "HERE").whole_number()


def test_choices_ignore_case() -> None:
    assert Found("Adaptive", "HERE").choice(("standard", "adaptive")) == "adaptive"


def test_variables_come_before_the_profile_and_empty_ones_are_unset() -> None:
    profile = Profile("dev", ((Path("config"), {"key": "profile", "empty": ""}),))
    sources = Sources({"A": "", "B": "variable"}, profile)

    assert sources.variable("A", "B") == Found("variable", "B")
    assert sources.find("A", "key") == Found("profile", "key of profile 'dev' in config")
    assert sources.find("A", "empty") is None


def test_a_key_of_the_credentials_file_wins(tmp_path: Path) -> None:
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    config.write_text("[profile dev]\nregion = eu-west-1\noutput = json\n[sso-session x]\n[other]\n")
    credentials.write_text("[dev]\nregion = us-west-2\n")
    files = load_shared_files({"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(credentials)})

    profile = files.profile("dev", "HERE")

    assert profile.find("region") == Found("us-west-2", f"region of profile 'dev' in {credentials}")
    assert profile.find("output") == Found("json", f"output of profile 'dev' in {config}")
    with pytest.raises(ConfigurationError, match=r"the profiles are: dev\."):
        files.profile("other", "HERE")


def test_many_profiles_are_not_all_listed(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("".join(f"[profile p{number:02}]\n" for number in range(30)))
    files = load_shared_files({"AWS_CONFIG_FILE": str(config), "HOME": str(tmp_path)})

    with pytest.raises(ConfigurationError, match=r"p19, \.\.\.") as caught:
        files.profile("unlike", "HERE")
    assert "p20" not in str(caught.value)
    assert "did you mean" not in str(caught.value)


def test_a_directory_of_somebody_else_is_as_good_as_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", forbidden)

    assert load_shared_files({}).config_profiles == {}
