"""The documentation site: every page is reached, every name it documents is there, and it can be built."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import ROOT

SITE = ROOT / "docs" / "site"
CONFIGURATION: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
HEAVY = ("rag.adapters.haystack", "rag.adapters.llamaindex")


def listed(part: Any) -> list[str]:
    """Return the pages below a part of the navigation."""
    if isinstance(part, str):
        return [part]
    return [page for each in (part.values() if isinstance(part, dict) else part) for page in listed(each)]


def test_the_navigation_names_every_page_once() -> None:
    assert sorted(listed(CONFIGURATION["nav"])) == sorted(str(file.relative_to(SITE)) for file in SITE.rglob("*.md"))


@pytest.mark.parametrize("file", sorted(SITE.rglob("*.md")), ids=lambda file: str(file.relative_to(SITE)))
def test_every_link_leads_to_a_page_and_every_line_can_be_read(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert (file.parent / link).is_file(), link
    assert max(map(len, re.sub(r"^```console.*?^```", "", text, flags=re.MULTILINE | re.DOTALL).splitlines())) <= 130


@pytest.mark.thorough
@pytest.mark.parametrize("name", re.findall(r"^::: (\S+)", "".join(
    file.read_text(encoding="utf-8") for file in sorted(SITE.rglob("*.md"))), re.MULTILINE))  # fmt: skip
def test_every_name_of_the_reference_is_there_and_says_what_it_is(name: str) -> None:
    room, _, last = name.rpartition(".")
    if room in HEAVY:
        assert re.search(rf"^class {last}\b", (ROOT / f"{room.replace('.', '/')}.py").read_text(), re.MULTILINE)
        return
    is_module = (ROOT / f"{name.replace('.', '/')}.py").is_file()
    assert (import_module(name) if is_module else getattr(import_module(room), last)).__doc__


def test_the_reference_has_every_public_name() -> None:
    import rag

    reference = "".join(file.read_text(encoding="utf-8") for file in (SITE / "reference").glob("*.md"))
    documented = set(re.findall(r"^::: (\S+)", reference, re.MULTILINE))
    public = {f"{getattr(rag, name).__module__}.{name}" for name in rag.__all__} - {"rag.core.errors.RagError"}
    assert public <= documented and "rag.core.errors" in documented


def test_the_site_is_built_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = pytest.importorskip("mkdocs.config", reason="the extra docs is not installed")
    build = pytest.importorskip("mkdocs.commands.build")
    monkeypatch.chdir(ROOT)
    build.build(config.load_config(site_dir=str(tmp_path), strict=True))
    html = (tmp_path / "reference" / "python.html").read_text(encoding="utf-8")
    assert "Assistant.ask" in html or "rag.answering.assistant.Assistant.ask" in html
    elsewhere = re.findall(r'(?:src|href)="(https?://[^"]*)"', (tmp_path / "index.html").read_text(encoding="utf-8"))
    assert not [address for address in elsewhere if not address.startswith("https://squidfunk.github.io")]
