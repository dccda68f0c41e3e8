# SPDX-License-Identifier: GPL-2.0-or-later
"""Text and marks keep WCAG 2.2 contrast in both themes (1.4.3: 4.5, 1.4.11: 3)."""

import re
from pathlib import Path

import pytest

TOKENS = (Path(__file__).resolve().parents[3] / "static/css/tokens.css").read_text()
TEXT = 4.5
GRAPHICS = 3.0

PAIRS = [
    *((ink, ground, TEXT) for ink in ("ink", "ink-2", "ink-3") for ground in ("page", "rail", "raised", "hover")),
    *((ink, "sunken", TEXT) for ink in ("ink", "ink-2")),
    *((word, "page", TEXT) for word in ("accent-ink", "ok", "hint", "warning", "error")),
    *((word, "sunken", TEXT) for word in ("accent-ink", "ok", "error")),
    ("ink", "warning-tint", TEXT),
    ("ink", "error-tint", TEXT),
    ("ink", "accent-tint", TEXT),
    ("error", "error-tint", TEXT),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-hover", TEXT),
    *((mark, "page", GRAPHICS) for mark in ("ok-mark", "hint-mark", "warning-mark", "error-mark", "line-strong")),
]


def theme(name):
    block = re.search(rf'\[data-bs-theme="{name}"\] {{(.*?)}}', TOKENS, re.DOTALL)[1]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_knows_black_on_white():
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_contrast(name, ink, ground, least):
    tokens = theme(name)
    assert contrast(tokens[ink], tokens[ground]) >= least
