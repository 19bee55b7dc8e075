"""Reads the table of wordings by which boilerplate is known, `boilerplate.toml`, and compiles it."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True)
class Notice:
    """The patterns of the notices of one reason, and of the titles of documents about it."""

    reason: str
    topic: re.Pattern[str]
    opening: re.Pattern[str]
    must: re.Pattern[str]
    signs: tuple[re.Pattern[str], ...]


@dataclass(frozen=True)
class Wordings:
    """The compiled rows of boilerplate.toml; `lines` for each table, in order of reason."""

    lines: dict[str, list[tuple[str, re.Pattern[str]]]]
    notices: list["Notice"]
    closing_credit: re.Pattern[str]
    credit_sign: re.Pattern[str]


@lru_cache(maxsize=1)
def wordings() -> Wordings:
    """Return the rows of boilerplate.toml, compiled once."""
    table = tomllib.loads(Path(__file__).with_name("boilerplate.toml").read_text(encoding="utf-8"))
    words: dict[str, str] = table["words"]

    def pattern(*rows: str, before: str = "") -> re.Pattern[str]:
        return re.compile(before + re.sub("%([a-z]+)%", lambda name: words[name[1]], f"(?:{'|'.join(rows)})"))

    def lines(languages: Iterable[dict[str, list[str]]]) -> list[tuple[str, re.Pattern[str]]]:
        rows: dict[str, list[str]] = {}
        for language in languages:
            for reason in language:
                rows.setdefault(reason, []).extend(language[reason])
        return [(reason, pattern(*rows[reason])) for reason in sorted(rows)]

    return Wordings(
        lines={
            "lines": lines(table["lines"].values()),
            "company": lines(table["company"].values()),
            "signatures": lines([table["signatures"]]),
        },
        notices=[
            Notice(
                reason,
                topic=pattern(notice["topic"]),
                opening=pattern(*notice["opening"], before=r"[\W_]*?"),
                must=pattern(notice.get("must", "")),
                signs=tuple(pattern(sign) for sign in notice["signs"]),
            )
            for reason, notice in sorted(table["notices"].items())
        ],
        closing_credit=pattern(table["credits"]["closing"]),
        credit_sign=pattern(table["credits"]["sign"]),
    )
