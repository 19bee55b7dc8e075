"""Looks the versions of constraints.txt up among known holes, by pip-audit: `python -m tests.supply.audit`.

Exit status 1 for a hole that `allowed_holes.toml` does not name, or names until a day that has come; 2 where a package
could not be looked up. pip-audit itself calls that clean, as happens with a mirror of PyPI that has no list of holes.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tests import ROOT

ALLOWED = Path(__file__).with_name("allowed_holes.toml")
COMMAND = ("pip_audit", "--requirement", str(ROOT / "constraints.txt"), "--no-deps", "--disable-pip",
           "--format", "json", "--progress-spinner", "off")  # fmt: skip
HOLES, NOT_LOOKED_UP = 1, 2


def judged(report: Mapping[str, Any], allowed: Sequence[Mapping[str, Any]], today: date) -> tuple[int, list[str]]:
    """Return the exit status for a report of pip-audit, and the lines that say why."""
    dependencies = report.get("dependencies", [])
    unknown = [item["name"] for item in dependencies if "skip_reason" in item]
    if unknown or not dependencies:
        named = ", ".join(unknown[:3]) + (" …" if len(unknown) > 3 else "")
        lines = [f"NOT AUDITED: {len(unknown)} of {len(dependencies)} packages could not be looked up: {named or '-'}."]
        return NOT_LOOKED_UP, [
            *lines,
            "Run this where PyPI itself can be reached: a mirror has no list of known holes.",
        ]
    until = {(item["package"], item["id"]): item["until"] for item in allowed}
    lines, status = [], 0
    for item in dependencies:
        for hole in item["vulns"]:
            names = {hole["id"], *hole.get("aliases", ())}
            day = max((until[item["name"], name] for name in names if (item["name"], name) in until), default=None)
            status = status if day is not None and today < day else HOLES
            told = "not allowed" if day is None else f"allowed until {day}"
            mended = ", ".join(hole["fix_versions"]) or "no version"
            lines.append(f"{item['name']} {item['version']}: {hole['id']}, mended in {mended}; {told}")
    return status, [*lines, f"{len(dependencies)} packages looked up, {len(lines)} known holes."]


def main() -> int:
    """Run pip-audit, say what it found, and return the exit status."""
    allowed = tomllib.loads(ALLOWED.read_text(encoding="utf-8")).get("allowed", [])
    done = subprocess.run([sys.executable, "-m", *COMMAND], capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
        sys.stdout.write(f"NOT AUDITED: pip-audit gave no report, maybe for want of the network. {last}\n")
        return NOT_LOOKED_UP
    status, lines = judged(report, allowed, datetime.now(UTC).date())
    sys.stdout.write("\n".join(lines) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
