from datetime import date
from typing import Any

import pytest

from tests.supply.audit import HOLES, NOT_LOOKED_UP, judged

HOLE = {"id": "PYSEC-1", "aliases": ["GHSA-1"], "fix_versions": ["2.0"], "description": ""}
TODAY = date(2026, 11, 25)


def report(*holes: dict[str, Any]) -> dict[str, Any]:
    clean: dict[str, Any] = {"name": "sound", "version": "1.0", "vulns": []}
    return {"dependencies": [{"name": "thing", "version": "1.0", "vulns": [*holes]}, clean], "fixes": []}


def allowed(until: date, package: str = "thing") -> list[dict[str, Any]]:
    return [{"id": "GHSA-1", "package": package, "until": until, "why": "It cannot be reached."}]


def test_no_hole_is_clean() -> None:
    assert judged(report(), [], TODAY) == (0, ["2 packages looked up, 0 known holes."])


@pytest.mark.parametrize(("list_", "status"), [
    ([], HOLES), (allowed(date(2026, 11, 26)), 0), (allowed(date(2026, 11, 25)), HOLES),
    (allowed(date(2027, 1, 1), "another"), HOLES),
])  # fmt: skip
def test_a_hole_fails_unless_it_is_allowed_and_its_day_has_not_come(list_: list[dict[str, Any]], status: int) -> None:
    found, lines = judged(report(HOLE), list_, TODAY)
    assert found == status and lines[0].startswith("thing 1.0: PYSEC-1, mended in 2.0; ")
    other = {**HOLE, "id": "PYSEC-2", "aliases": []}
    assert judged(report(HOLE, other), list_, TODAY)[0] == HOLES


@pytest.mark.parametrize("given", [
    {"dependencies": [], "fixes": []},
    {"dependencies": [*report()["dependencies"], {"name": "x", "skip_reason": "not found on PyPI"}], "fixes": []},
])  # fmt: skip
def test_what_was_not_looked_up_is_not_clean(given: dict[str, Any]) -> None:
    status, lines = judged(given, [], TODAY)
    assert status == NOT_LOOKED_UP and lines[0].startswith("NOT AUDITED")
