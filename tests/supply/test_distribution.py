"""The distribution: one version, types for who imports it, and data files where the package looks for them."""

import tomllib
from importlib.metadata import version
from pathlib import Path

import rag
from tests import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_there_is_one_version() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert version("pincite") == rag.__version__
    assert f"## [{rag.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_types_and_the_data_files_are_packaged() -> None:
    package, patterns = Path(rag.__file__).parent, PROJECT["tool"]["setuptools"]["package-data"]["rag"]
    packaged = {path for pattern in patterns for path in package.glob(pattern)}
    data = {path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert package / "py.typed" in packaged
    assert data <= packaged, sorted(map(str, data - packaged))
