# SPDX-License-Identifier: GPL-2.0-or-later
"""Countries by their codes (ISO 3166-1 alpha-2): names, groups, and how an operator writes a list of them.

Names are the Unicode CLDR's, as in a browser, from the package Babel: nobody is asked. They are read at the first use.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import takewhile
from typing import Final

LANGUAGES: Final = ("en", "de", "tr")
"""Of the console, and so those in which a country can be written, whatever language its reader has."""

GROUPS: Final = {
    "DACH": ("AT", "CH", "DE"),
    "EU": ("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
           "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    "EFTA": ("CH", "IS", "LI", "NO"),
}  # fmt: skip
"""Words for several; written in a list, they become their countries."""

_NO_COUNTRIES: Final = frozenset(["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"])
"""Other regions of CLDR: parts of countries, unions, codes for tests."""
_ALSO: Final = """
AE VAE, BAE|BY Weißrussland|CD DR Kongo|CI Ivory Coast, Elfenbeinküste, Fildişi Sahili|CV Kap Verde
CZ Czech Republic, Tschechische Republik, Çek Cumhuriyeti|GB Great Britain, Großbritannien, Büyük Britanya
HK Hong Kong, Hongkong|MD Moldawien|MK Macedonia, Mazedonien, Makedonya|MM Birma|MO Macao, Macau
NL Holland|PS Palestine, Palästina, Filistin|RU Russian Federation|SZ Swaziland, Swasiland|TL East Timor, Osttimor
TR Turkey|US United States of America, Vereinigte Staaten von Amerika, Amerika, ABD|VA Vatican, Vatikan
"""
"""What people also write."""
_SAME_WORD: Final = {"und": "and", "ve": "and", "saint": "st", "sankt": "st"}
_LONGEST: Final = 12
"""Words of a name; one holds a comma."""
_SHORTEST_SOUGHT: Final = 3
"""Letters; fewer would be in most names."""
_NEAREST: Final = 3
"""Names that are offered for one that nobody knows."""


class UnknownCountry(ValueError):
    """`word` is no country; `nearest` are codes of those with a name much like it, the best first."""

    def __init__(self, word: str, nearest: tuple[str, ...]) -> None:
        self.word, self.nearest = word, nearest
        super().__init__(word)


def all_codes() -> tuple[str, ...]:
    return tuple(_names()["en"])


def is_code(text: str) -> bool:
    return text in _names()["en"]


def codes(text: str) -> tuple[str, ...]:
    """Of a canonical list, `AT,CH,DE`."""
    return tuple(filter(None, text.split(",")))


def canonical(text: str) -> str:
    """`de, Österreich DACH` → `AT,CH,DE`; raise UnknownCountry."""
    chosen: set[str] = set()
    words = text.replace(";", ",").replace(",", " , ").split()
    while words:
        taken = next((n for n in range(min(len(words), _LONGEST), 0, -1) if _meant(" ".join(words[:n]))), 0)
        if taken:
            chosen.update(_meant(" ".join(words[:taken])))
        elif words[0] != "," and _folded(words[0]) != "and":
            unknown = " ".join(takewhile(lambda word: word != ",", words))
            raise UnknownCountry(unknown, nearest(unknown))
        words = words[taken or 1 :]
    return ",".join(sorted(chosen))


def name(code: str, language: str | None = None) -> str:
    """English where we do not speak the language; the code itself where it has no name."""
    names = _names()
    return names.get((language or "").partition("-")[0], names["en"]).get(code, code)


def all_names(language: str | None) -> dict[str, str]:
    """By code, in the order of their names."""
    names = {code: name(code, language) for code in all_codes()}
    return dict(sorted(names.items(), key=lambda pair: _folded(pair[1])))


@cache
def found(word: str) -> frozenset[str]:
    """Codes of countries that a reader looks for by this word, a part of a name in any of our languages."""
    sought = _folded(word)
    if len(sought) < _SHORTEST_SOUGHT:
        return frozenset()
    return frozenset(code for each, code in _spellings().items() if sought in each)


def nearest(text: str) -> tuple[str, ...]:
    """Codes of countries whose names are much like it, the best first."""
    written = [each for each in _spellings() if len(each) > _SHORTEST_SOUGHT]
    near = difflib.get_close_matches(_folded(text), written, n=2 * _NEAREST, cutoff=0.7)
    return tuple(dict.fromkeys(_spellings()[each] for each in near))[:_NEAREST]


def _meant(text: str) -> tuple[str, ...]:
    """By a code, a group or a name; () for none."""
    if (group := GROUPS.get(text.upper())) is not None:
        return group
    code = text.upper() if is_code(text.upper()) else _spellings().get(_folded(text))
    return (code,) if code else ()


@cache
def _names() -> Mapping[str, Mapping[str, str]]:
    """By language and code."""
    from babel import Locale  # half a megabyte a language, for who asks

    def of(language: str) -> dict[str, str]:
        territories = Locale(language).territories.items()
        return {code: text for code, text in territories if len(code) == 2 and code not in _NO_COUNTRIES}

    return {language: of(language) for language in LANGUAGES}


@cache
def _spellings() -> dict[str, str]:
    """Every way to write a country but its code, folded, with the code."""
    from babel.core import get_global

    spelt: dict[str, str] = {}
    for each in _names().values():
        for code, text in each.items():
            for spelling in _written(text):
                spelt.setdefault(_folded(spelling), code)
    for line in _ALSO.strip().replace("\n", "|").split("|"):
        spelt.update({_folded(each): line[:2] for each in line[3:].split(",")})
    for other, meant in get_global("territory_aliases").items():  # DEU, UK
        if (len(other) == 3 or other == "UK") and len(meant) == 1 and is_code(meant[0]):
            spelt.setdefault(other.casefold(), meant[0])
    spelt.pop("and", None)  # Andorra's three letters; “Germany and France” means two countries
    return spelt


def _written(text: str) -> Iterator[str]:
    """`Myanmar (Burma)` is both."""
    yield text
    before, bracket, rest = text.partition(" (")
    if bracket:
        inside, _, after = rest.partition(")")
        yield before + after
        if not after:
            yield inside


def _folded(text: str) -> str:
    """Without case, accents and punctuation."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ı", "i").replace("&", " and "))
    letters = (each if each.isalnum() else " " for each in plain.replace(".", "") if not unicodedata.combining(each))
    return " ".join(_SAME_WORD.get(word, word) for word in "".join(letters).split())
