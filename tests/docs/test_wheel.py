"""What is in the wheel that ``nox -s docs`` has built: all that a program needs, and nothing else."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

from sagemaker_async import __version__

ROOT = Path(__file__).parents[2]
WHEEL = ROOT / "build" / "wheel" / f"sagemaker_async-{__version__}-py3-none-any.whl"


def test_the_wheel_has_the_marker_of_types_the_page_and_the_examples_and_no_page_of_the_site() -> None:
    with zipfile.ZipFile(WHEEL) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert {
        "sagemaker_async/py.typed",
        "sagemaker_async/cli/web/index.html",
        "sagemaker_async/examples/notebook.ipynb",
        "sagemaker_async/examples/script.py",
    } <= names
    assert {name.partition("/")[0] for name in names} == {"sagemaker_async"}
    assert {Path(name).suffix for name in names} == {".html", ".ipynb", ".py", ".typed"}
    assert not [name for name in names if "/generator/" in name]


def test_its_metadata_lead_to_documentation_source_issues_and_changelog() -> None:
    with zipfile.ZipFile(WHEEL) as wheel:
        metadata = wheel.read(f"sagemaker_async-{__version__}.dist-info/METADATA").decode()
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    assert set(urls) == {"Changelog", "Documentation", "Issues", "Source"}
    assert all(f"Project-URL: {label}, {url}" in metadata for label, url in urls.items())
