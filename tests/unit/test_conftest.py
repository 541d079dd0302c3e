"""What `tests/conftest.py` does to the collection of garbage hides nothing that a test leaves behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

KEEPER = """
import warnings

kept = []


class Forgotten:
    def __init__(self):
        self.itself = self

    def __del__(self):
        warnings.warn("nobody has closed this", ResourceWarning)
"""
TESTS = {
    "test_first.py": "import keeper\n\ndef test_keeps():\n    keeper.kept.append(keeper.Forgotten())\n",
    "test_second.py": "import keeper\n\ndef test_forgets():\n    keeper.kept.clear()\n",
}


def test_what_outlives_its_module_and_is_never_closed_fails_the_suite(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parent.parent / "conftest.py", tmp_path)
    settings = "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
    for name, text in {"pytest.ini": settings, "keeper.py": KEEPER, **TESTS}.items():
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "1", "test_first.py", "test_second.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "nobody has closed this" in run.stdout
    assert "2 passed, 1 error" in run.stdout
