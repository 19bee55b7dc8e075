"""A release: a workflow tests, builds and publishes a tag, and the source distribution holds what its tests need."""

import re
import subprocess
from fnmatch import fnmatch
from typing import Any

import pytest
import yaml

from tests import ROOT

GITHUB = ROOT / ".github"
BY_SETUPTOOLS = ("MANIFEST.in", "LICENSE", "README.md", "pyproject.toml", "rag/*", ".gitignore")
"""What setuptools adds by itself, and one file that only the repository needs."""


def tracked_files() -> list[str]:
    try:
        done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no checkout")
    return done.stdout.splitlines()


def test_the_source_distribution_holds_every_tracked_file() -> None:
    rules = [line.split() for line in (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines()]
    patterns = {word for rule, *words in rules if rule == "include" for word in words}
    patterns |= {f"{word}/*" for rule, *words in rules if rule == "graft" for word in words}
    patterns |= set(BY_SETUPTOOLS)
    assert [name for name in tracked_files() if not any(fnmatch(name, pattern) for pattern in patterns)] == []


def test_a_tag_is_tested_built_installed_and_then_published() -> None:
    workflow: dict[Any, Any] = yaml.safe_load((GITHUB / "workflows/release.yml").read_text(encoding="utf-8"))
    assert workflow[True] == {"push": {"tags": ["v*"]}}, "YAML reads `on` as true"
    needs = {name: job.get("needs") for name, job in workflow["jobs"].items()}
    assert needs == {"test": None, "build": "test", "install": "build", "publish": "install"}
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {word for step in steps for word in re.findall(r"make (\w+)", step)} <= targets
    assert workflow["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("name", ["fault.yml", "wish.yml"])
def test_a_form_for_issues_has_fields_with_names(name: str) -> None:
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / name).read_text(encoding="utf-8"))
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert form["name"] and form["description"] and len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)


def test_no_file_names_the_host_of_a_package_registry() -> None:
    parts = (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "com"), ("npmjs", "org"), ("download.pytorch", "org"))
    hosts = [f"{name}.{domain}" for name, domain in parts]
    files = [
        ROOT / name for name in tracked_files() if name.endswith((".md", ".toml", ".yml", "Makefile", "Dockerfile"))
    ]
    assert [file for file in files if any(host in file.read_text(encoding="utf-8") for host in hosts)] == []
