"""What `make` says on machines that lack what ours have."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# Debian without python3-venv: it says so on standard output, at length, and lends its own pip.
WITHOUT_ENSUREPIP = """#!/bin/sh
case "$*" in
  "-m venv .venv") echo "The virtual environment was not created successfully because ensurepip is not available."; echo "Failing command" >&2; exit 1 ;;
  "-m venv --clear --without-pip .venv") mkdir -p .venv/bin; printf '#!/bin/sh\\ntest "$*" = "-c "' >.venv/bin/python; chmod +x .venv/bin/python ;;
  "-m pip --python .venv/bin/python install "*) ;;
  "-c "*) ;;
  *) echo "what is $*?" >&2; exit 2 ;;
esac
"""


def test_a_python_without_ensurepip_makes_the_environment_and_no_noise(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    python.write_text(WITHOUT_ENSUREPIP)
    python.chmod(0o755)
    # As somebody types it, also when these tests run within a make.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
    made = subprocess.run(["make", "install", f"PYTHON={python}"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stdout, made.stderr) == (0, "Installing the packages of requirements-dev.lock…\n", "")
    assert (tmp_path / ".venv" / "installed.lock").exists()
