# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures: quantiles of samples, and the tables that the bench prints when it is over."""

from __future__ import annotations

from collections.abc import Sequence


def quantile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least this share of them do not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Markdown, so that README.md takes it as it is."""
    cells = [[_text(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(columns))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]
    lines = ["| " + " | ".join(row) + " |" for row in padded]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join((title, "", *lines))


def _text(cell: object) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:,.0f}" if cell >= 100 else f"{cell:.1f}" if cell >= 10 else f"{cell:.2f}"
