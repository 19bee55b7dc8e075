import re
from pathlib import Path

import pytest

import rag

UI = Path(rag.__file__).parent / "server" / "page"
CSS = (UI / "assets" / "page.css").read_text(encoding="utf-8")
THEME = (UI / "theme.py").read_text(encoding="utf-8")
READ = [
    ("ink", "paper"),
    ("faint", "paper"),
    ("accent", "paper"),
    ("paper", "accent"),
    ("ink", "mark"),
    ("ink", "other"),
]
READ += [("faint", "other"), ("accent", "other")]
SEEN = [("mark-line", "paper"), ("mark-line", "mark"), ("other-line", "paper"), ("other-line", "other")]


def colours(selector: str) -> dict[str, str]:
    """Return the colours named for the day (`:root`) or the night (`.dark`)."""
    block = CSS[CSS.index(f"{selector} {{") :].partition("}")[0]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2.2: (lighter + 0.05) / (darker + 0.05) of the relative luminances."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast_is_computed_as_the_standard_says() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("selector", [":root", ".dark"])
def test_text_and_lines_stand_out_by_day_and_by_night(selector: str) -> None:
    named = colours(selector)
    assert {pair for pair in READ if contrast(named[pair[0]], named[pair[1]]) < 4.5} == set()
    assert {pair for pair in SEEN if contrast(named[pair[0]], named[pair[1]]) < 3.0} == set()


def test_the_first_paint_has_the_colours_of_the_page() -> None:
    by_name = [
        colours(selector)[name] for selector in (":root", ".dark") for name in ("paper", "ink", "rule", "accent")
    ]
    assert re.findall(r'"(#[0-9a-f]{6})"', THEME) == by_name


def test_nothing_is_fetched_from_elsewhere() -> None:
    script = (UI / "assets" / "page.js").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]|@import|url\(", CSS)
    assert not re.search(r"https?://|innerHTML|insertAdjacentHTML|eval\(", script)
