"""The package list equals the folders, what is shipped is there, and every dependency is pinned within its range."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

from journey_testing.sources import PYPROJECT, ROOT, SOURCES, module_of, shown

SETUP = PYPROJECT["tool"]["setuptools"]


def _folder(package: str) -> Path:
    """The folder of a package: setuptools maps the longest prefix that `package-dir` names."""
    moved: dict[str, str] = SETUP["package-dir"]
    prefix = max((name for name in moved if f"{package}.".startswith(f"{name}.")), key=len)
    return ROOT / (moved[prefix] + package.removeprefix(prefix)).replace(".", "/")


def test_package_list_equals_the_folders() -> None:
    """A folder that is not listed is left out of the wheel, and nobody notices in an editable install."""
    packages = [module_of(path) for path in SOURCES if path.name == "__init__.py"]
    wanted = "\n".join(f"    {json.dumps(name)}," for name in packages)
    assert SETUP["packages"] == packages, f"pyproject.toml, [tool.setuptools]:\npackages = [\n{wanted}\n]"


def test_every_folder_with_modules_is_a_package() -> None:
    lacking = sorted({shown(path.parent) for path in SOURCES if not (path.parent / "__init__.py").is_file()})
    assert not lacking, f"add an empty __init__.py to {', '.join(lacking)}"


def test_every_package_is_the_one_in_its_folder() -> None:
    """A folder of caches that an older checkout left behind would be taken for a package without a file."""
    for name in SETUP["packages"]:
        file = importlib.import_module(name).__file__
        assert file is not None and Path(file).parent == _folder(name), f"{name} is {file}: run `make sweep`"


def test_data_files_named_for_packaging_exist() -> None:
    for package, patterns in SETUP["package-data"].items():
        for pattern in patterns:
            assert list(_folder(package).glob(pattern)), f"{package}: nothing matches {pattern}"


def test_constraints_pin_every_dependency_within_its_range() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line]
    pinned = {line.split("==")[0].lower().replace("_", "-"): line.split("==")[1] for line in lines}
    assert pinned["torch"] == "2.13.0"
    for requirement in PYPROJECT["project"]["dependencies"]:
        name, _, least = requirement.partition(">=")
        have = tuple(int(part) for part in re.findall(r"\d+", pinned[name.lower()])[:3])
        assert have >= tuple(int(part) for part in least.split(".")), requirement


def test_the_lock_has_the_versions_of_the_constraints_with_hashes_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text()
    constraints = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if line)
    pinned = {name.lower().replace("_", "-"): version for name, version in constraints.items()}
    blocks = [block for block in re.split(r"(?m)^(?=\w)", text) if block]
    locked = {}
    for block in blocks:
        name, version = re.match(r"([\w.-]+)==([^\s;\\]+)", block).groups()  # type: ignore[union-attr]
        locked[name] = version
        assert re.findall(r"--hash=sha256:[0-9a-f]{64}", block), name
    assert {name: version for name, version in locked.items() if pinned.get(name, version) != version} == {}
    for requirement in PYPROJECT["project"]["dependencies"]:
        assert requirement.partition(">=")[0].lower() in locked, f"make locks: {requirement}"
    assert "//" not in text and "index" not in text


def test_a_python_that_is_too_old_gets_one_line() -> None:
    code = "import sys; sys.version_info = (3, 10, 4, 'final', 0); sys.version = '3.10.4 (x)'; import journey"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: Python 3.11 or newer is needed, this is 3.10.4\n")
