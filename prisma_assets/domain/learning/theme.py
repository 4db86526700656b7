"""What people speak of in their feedback: themes that keep their identity while texts go on arriving."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from prisma_assets.domain.learning.theme_space import Points, Space, embed, group, nearest

Indices = NDArray[np.int64]

FEWEST_TEXTS = 20
"""Fewer texts are read faster than grouped."""
FEWEST_MEMBERS = 5
"""Texts that make a theme: as many as a reviewer would call a pattern."""
VOTERS = 5
"""Nearest known texts that say which theme a text belongs to."""
CLOSE = 0.05
"""A text is a stranger to all themes when it lies further from them than 95 % of their own members."""
MOST_ROUNDS = 10
"""Texts that were placed bring others closer; each round places fewer, and three or four suffice."""
NEW_DAYS = timedelta(days=14)
"""For two weeks a theme is called new: everybody who reads weekly has seen it."""
SHOWN_TERMS, SHOWN_QUOTES = 6, 3
NAMED_BY = 3


@dataclass(frozen=True, kw_only=True)
class Said:
    """One text somebody wrote."""

    feedback_id: str
    text: str
    day: date
    theme_id: str | None = None
    """None: not placed so far."""


@dataclass(frozen=True, kw_only=True)
class Theme:
    """What several people say."""

    theme_id: str
    terms: tuple[str, ...]
    """Words and pairs of words that tell it from the others, the most telling first."""
    quotes: tuple[Said, ...]
    """The most typical texts."""
    feedback: int
    first_seen: date
    last_seen: date

    @property
    def name(self) -> str:
        """A few words for a list."""
        return ", ".join(self.terms[:NAMED_BY]) or "without words"


@dataclass(frozen=True, kw_only=True)
class Placed:
    """What a look at all texts brought."""

    said: tuple[Said, ...]
    """All texts, in the order given, with their themes."""
    founded: frozenset[str]
    """Themes told from the others at this look."""
    themes: tuple[Theme, ...]
    """All themes, the most spoken of first."""


def place(said: Sequence[Said]) -> Placed:
    """Give every text its theme, founding new themes from those that resemble no known one.

    A text that has a theme keeps it. The same texts give the same themes.

    Args:
        said: Texts of the time looked at, placed and not.
    """
    texts = tuple(said)
    if len(texts) < FEWEST_TEXTS:
        return Placed(said=texts, founded=frozenset(), themes=())
    from threadpoolctl import threadpool_limits

    # Threads of small matrices wait for each other longer than they work, the more so on a busy machine.
    with threadpool_limits(1):
        return _placed(texts)


def is_new(founded_on: date, *, first_look: date, on: date) -> bool:
    """Whether people began to speak of it lately, as far as looks go back.

    Args:
        founded_on: Day whose look told the theme from others.
        first_look: Day of the first look ever; what was known then is not new.
        on: Today.
    """
    return founded_on > first_look and on - founded_on < NEW_DAYS


def _placed(texts: tuple[Said, ...]) -> Placed:
    space = embed([s.text for s in texts])
    founded: frozenset[str] = frozenset()
    for _ in range(MOST_ROUNDS):
        before = texts
        texts, new = _founded(texts, space)
        texts = _joined(texts, space.smooth)
        founded |= new
        if texts == before:
            break
    return Placed(said=texts, founded=founded, themes=_described(texts, space.smooth))


def _joined(texts: tuple[Said, ...], points: Points) -> tuple[Said, ...]:
    """Place texts that lie as close to a theme as its own members do."""
    known, fresh = _known(texts), _fresh(texts)
    if len(known) <= VOTERS or not len(fresh):
        return texts
    limit = _usual_closeness(points[known])
    voters, cosines = nearest(points[fresh], points[known], count=VOTERS)
    result = list(texts)
    for i, votes, closeness in zip(fresh, voters, cosines.mean(axis=1), strict=True):
        if closeness >= limit:
            themes = Counter(texts[known[v]].theme_id for v in votes)
            result[i] = replace(texts[i], theme_id=themes.most_common(1)[0][0])
    return tuple(result)


def _founded(texts: tuple[Said, ...], space: Space) -> tuple[tuple[Said, ...], frozenset[str]]:
    """Group what has no theme. A group that holds together as themes do, and is further from them than their own members, is a new one."""
    known, fresh = _known(texts), _fresh(texts)
    if len(fresh) < FEWEST_MEMBERS:
        return texts, frozenset()
    labels = group(Space(plain=space.plain[fresh], smooth=space.smooth[fresh]))
    result, founded = list(texts), set()
    for label in sorted(set(labels.tolist())):
        members = fresh[labels == label]
        if _is_theme(space.smooth[members], space.smooth[known]):
            theme_id = _identity([texts[i].feedback_id for i in members])
            founded.add(theme_id)
            for i in members:
                result[i] = replace(texts[i], theme_id=theme_id)
    return tuple(result), frozenset(founded)


def _is_theme(members: Points, known: Points) -> bool:
    if len(members) < FEWEST_MEMBERS:
        return False
    if len(known) <= VOTERS:
        return True
    limit = _usual_closeness(known)
    _, away = nearest(members, known, count=VOTERS)
    return float(away.mean()) < limit <= float(_closeness(members).mean())


def _usual_closeness(known: Points) -> float:
    return float(np.quantile(_closeness(known), CLOSE))


def _closeness(points: Points) -> Points:
    """Mean cosine of each point to its nearest others."""
    _, cosines = nearest(points, points, count=VOTERS + 1)
    means: Points = cosines[:, 1:].mean(axis=1)  # The nearest is the point itself.
    return means


def _known(texts: Sequence[Said]) -> Indices:
    return np.array([i for i, s in enumerate(texts) if s.theme_id is not None], dtype=np.int64)


def _fresh(texts: Sequence[Said]) -> Indices:
    return np.array([i for i, s in enumerate(texts) if s.theme_id is None], dtype=np.int64)


def _identity(feedback_ids: Sequence[str]) -> str:
    """Of the texts it was founded on, so that the same look founds the same theme."""
    return hashlib.sha256("|".join(sorted(feedback_ids)).encode()).hexdigest()[:12]


def _described(texts: Sequence[Said], points: Points) -> tuple[Theme, ...]:
    members: dict[str, list[int]] = defaultdict(list)
    for i, said in enumerate(texts):
        if said.theme_id is not None:
            members[said.theme_id].append(i)
    terms = _terms({t: [texts[i].text for i in m] for t, m in members.items()})
    themes = []
    for theme_id, indices in members.items():
        days = [texts[i].day for i in indices]
        typical = points[indices] @ points[indices].mean(axis=0)
        order = np.argsort(-typical, kind="stable")[:SHOWN_QUOTES]
        themes.append(
            Theme(
                theme_id=theme_id,
                terms=terms[theme_id],
                quotes=tuple(texts[indices[i]] for i in order),
                feedback=len(indices),
                first_seen=min(days),
                last_seen=max(days),
            )
        )
    return tuple(sorted(themes, key=lambda t: (-t.feedback, t.theme_id)))


def _terms(texts: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Words and pairs frequent in one theme and rare in the others.

    Source: class-based TF-IDF, Grootendorst (2022), "BERTopic", arXiv:2203.05794, section 3.3.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

    if not texts:
        return {}
    counter = CountVectorizer(ngram_range=(1, 2), stop_words=sorted(ENGLISH_STOP_WORDS))
    try:
        counts = counter.fit_transform([" \n".join(t) for t in texts.values()]).toarray()
    except ValueError:  # Nothing but stop words.
        return dict.fromkeys(texts, ())
    names = counter.get_feature_names_out()
    mean_words = counts.sum() / len(texts)
    weights = counts * np.log1p(mean_words / counts.sum(axis=0))
    best = np.argsort(-weights, axis=1, kind="stable")[:, : 3 * SHOWN_TERMS]
    return {
        theme: _distinct([str(names[i]) for i in row if weights[t, i] > 0])
        for t, (theme, row) in enumerate(zip(texts, best, strict=True))
    }


def _distinct(terms: Sequence[str]) -> tuple[str, ...]:
    """Without terms whose words a better one has already told."""
    kept: list[str] = []
    for term in terms:
        if not set(term.split()) <= {word for k in kept for word in k.split()}:
            kept.append(term)
    return tuple(kept[:SHOWN_TERMS])
