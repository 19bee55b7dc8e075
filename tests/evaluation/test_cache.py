"""The cached index of an evaluation: a change of the code that may have made it gives it another name."""

import shutil
from pathlib import Path

import pytest

import rag
from rag.core.settings import Settings
from rag.evaluation import cache


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a copy of the code of the package."""
    keep = (".py", ".toml")

    def ignored(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if (Path(folder) / name).is_file() and not name.endswith(keep)]

    return Path(shutil.copytree(Path(rag.__file__).parent, tmp_path / "rag", ignore=ignored))


def test_the_copy_hashes_as_the_package(package: Path) -> None:
    assert cache.package_sha256(package) == cache.code_sha256()


@pytest.mark.thorough
def test_a_change_of_any_module_or_table_changes_the_hash(package: Path) -> None:
    folders = sorted({path.parent for path in package.rglob("*.py")})
    tables = sorted(package.rglob("*.toml"))
    assert len(folders) > 15 and tables
    before = cache.package_sha256(package)
    for file in [*tables, *(sorted(folder.glob("*.py"))[-1] for folder in folders)]:
        content = file.read_bytes()
        file.write_bytes(content + b"#")
        assert cache.package_sha256(package) != before, file
        file.write_bytes(content)
    assert cache.package_sha256(package) == before
    (package / "core" / "types.py").rename(package / "core" / "kinds.py")
    assert cache.package_sha256(package) != before


def test_the_hash_of_the_code_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.cache_key("corpus", Settings())
    assert before == cache.cache_key("corpus", Settings())
    monkeypatch.setattr(cache, "code_sha256", lambda: "of an edited package")
    assert cache.cache_key("corpus", Settings()) != before
