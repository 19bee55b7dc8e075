"""Every package that is asked for by name is pinned, also those of the extras and of the targets of the Makefile."""

import re
import tomllib

from tests import ROOT


def normal(requirement: str) -> str:
    """Return the name in a requirement as package indexes compare it; `a-b[c]>=1` gives `a-b`."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()


def test_every_package_that_is_asked_for_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    installs = re.findall(r"\$\(INSTALL\) (.+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    words = [word.strip('"') for line in installs for word in line.split()]
    asked += [word for word in words if not word.startswith(("-", "."))]
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    names = {normal(line) for line in pinned if "==" in line}
    assert len(asked) > 50 and {"locust", "haystack-ai", "mkdocs-material"} <= {normal(each) for each in asked}
    assert {normal(each) for each in asked} - names - {"pincite-slim"} == set()
    assert len(names) == sum("==" in line for line in pinned), "each is pinned once"
