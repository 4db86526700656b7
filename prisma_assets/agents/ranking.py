"""Ranks short texts of several fields against a question typed by a person. Knows nothing of agents."""

import difflib
import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

K1 = 1.2
"""Saturation of a word found in several fields; the usual value (Robertson & Zaragoza 2009, §3.5)."""

WORD = re.compile(r"[a-z]+&[a-z]+|[a-z]+|\d+")
"""`R&D` stays one word; `ISA 315R`, `isa315` and `isa_315` fall into the same pieces."""

STOP_WORDS = frozenset(
    WORD.findall(
        "a about against agent agents all an and any are as at be by can could do does for from have help how i in "
        "is it its make me my need of on one or our please should someone that the their this to us we what when "
        "where which who whom will with would you"
    )
)
"""Words a question contains whatever it asks for."""

SUFFIXES = tuple(
    sorted(
        WORD.findall(
            "isations izations isation ization ations ation ments ment ities ity ences ence ents ent ings ing "
            "ions ion ated ates ate ors or ers er ies ied ed es ly al s e y"
        ),
        key=len,
        reverse=True,
    )
)
"""Endings taken off, longest first, so that `consolidates` meets `consolidation`."""

MIN_STEM = 4
"""Letters left after an ending is taken off: with three, `rates` and `ration` would meet."""

SPELLING = 0.85
"""Likeness (difflib ratio) from which an unknown word counts as misspelt: one wrong letter in seven."""


@dataclass(frozen=True)
class Ranked:
    """One text that answers the question."""

    key: str
    score: float
    """Greater is better; comparable within one question only."""
    matched: Mapping[str, tuple[str, ...]]
    """Words of the question found, by the field they were found in."""


class FieldedIndex:
    """An index over texts with weighted fields (BM25F)."""

    def __init__(
        self, texts: Mapping[str, Mapping[str, str]], *, weights: Mapping[str, float]
    ) -> None:
        """Index the texts.

        Args:
            texts: Field texts by key of the text; every text has the same fields.
            weights: Importance of each field, > 0.
        """
        self._weights = weights
        # A word counts once per field and a field's length does not count (b = 0): in texts this short
        # neither says anything, and an agent is no worse at IFRS 16 for knowing ASC 842 too.
        self._words = {
            key: {field: frozenset(terms(fields[field])) for field in weights}
            for key, fields in texts.items()
        }
        self._spread = Counter(
            term for words in self._words.values() for term in frozenset().union(*words.values())
        )

    def rank(self, question: str) -> list[Ranked]:
        """Order the texts that share at least one word with the question, best first; ties by key."""
        asked = self._asked(question)
        ranked = (self._score(key, asked) for key in self._words)
        return sorted((r for r in ranked if r.matched), key=lambda r: (-r.score, r.key))

    def _asked(self, question: str) -> dict[str, str]:
        """Terms of the question that the index knows, each with the word a person typed."""
        asked: dict[str, str] = {}
        for term, word in _terms_with_words(question):
            known = term if term in self._spread else self._respelt(term)
            if known:
                asked.setdefault(known, word)
        return asked

    def _respelt(self, term: str) -> str | None:
        if term.isdigit() or len(term) < MIN_STEM:
            return None
        close = difflib.get_close_matches(term, sorted(self._spread), n=1, cutoff=SPELLING)
        return close[0] if close else None

    def _score(self, key: str, asked: Mapping[str, str]) -> Ranked:
        score = 0.0
        matched: dict[str, list[str]] = {}
        for term, word in asked.items():
            frequency = 0.0
            for field, words in self._words[key].items():
                if term in words:
                    frequency += self._weights[field]
                    matched.setdefault(field, []).append(word)
            # BM25F: Robertson & Zaragoza (2009), Foundations and Trends in IR 3(4), §3.6.
            score += self._rarity(term) * frequency / (K1 + frequency)
        found = {field: tuple(dict.fromkeys(words)) for field, words in matched.items()}
        return Ranked(key=key, score=score, matched=found)

    def _rarity(self, term: str) -> float:
        # Inverse document frequency with 1 added inside the logarithm, so that it never turns negative (as in Lucene).
        spread = self._spread[term]
        return math.log(1 + (len(self._words) - spread + 0.5) / (spread + 0.5))


def terms(text: str) -> list[str]:
    """Cut a text into comparable terms: stems, numbers, and a name with its number as one (`isa315`)."""
    return [term for term, _ in _terms_with_words(text)]


def _terms_with_words(text: str) -> list[tuple[str, str]]:
    words = WORD.findall(text.casefold())
    found = [(stem(word), word) for word in words if _says_something(word)]
    found += [
        (name + number, f"{name} {number}")
        for name, number in itertools.pairwise(words)
        if number.isdigit() and _says_something(name) and not name.isdigit()
    ]
    return found


def _says_something(word: str) -> bool:
    return word.isdigit() or (len(word) > 1 and word not in STOP_WORDS)


def stem(word: str) -> str:
    """Take off an English ending, so that forms of one word meet; not a dictionary form."""
    for suffix in SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= MIN_STEM:
            return word[: -len(suffix)]
    return word


def closest(name: str, known: Sequence[str]) -> list[str]:
    """Names most like the one given, best first, at most three."""
    return difflib.get_close_matches(name, known, n=3, cutoff=0.5)
