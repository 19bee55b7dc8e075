"""Gives Gradio the colours and type of the page; everything finer is in `assets/page.css`."""

from gradio.themes import Base
from gradio.themes.utils import fonts

PAPER, INK, RULE, ACCENT = "#fbfaf6", "#1d1b18", "#d9d3c7", "#8c2318"
NIGHT, CHALK, RULE_AT_NIGHT, ACCENT_AT_NIGHT = "#171614", "#ebe6db", "#3a3732", "#f0a48d"


def theme() -> Base:
    """Return the theme.

    Its fonts come with Gradio and are served from the page's own address. Only in these weights are they whole.
    """
    base_theme = Base(
        radius_size="none",
        font=[fonts.LocalFont("IBM Plex Sans", weights=(400, 700)), fonts.Font("sans-serif")],
        font_mono=[fonts.LocalFont("IBM Plex Mono", weights=(400, 700)), fonts.Font("monospace")],
    )
    return base_theme.set(
        body_background_fill=PAPER,
        body_background_fill_dark=NIGHT,
        body_text_color=INK,
        body_text_color_dark=CHALK,
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_border_width_dark="0px",
        block_padding="0px",
        input_background_fill="transparent",
        input_background_fill_dark="transparent",
        input_border_color=INK,
        input_border_color_dark=CHALK,
        button_primary_background_fill=ACCENT,
        button_primary_background_fill_dark=ACCENT_AT_NIGHT,
        button_primary_text_color=PAPER,
        button_primary_text_color_dark=NIGHT,
        border_color_primary=RULE,
        border_color_primary_dark=RULE_AT_NIGHT,
    )
