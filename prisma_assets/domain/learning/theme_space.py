"""Short texts as points: texts about the same thing lie close. Grouping them does not belong here.

Words and pairs of words say what a text is about, pieces of words forgive spelling and inflection in any language written with spaces. A text is then moved to
the middle of its nearest neighbours, twice: two short texts on one matter often share no word, but they share neighbours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]

DIMENSIONS = 100
"""Of the space; 50 lose themes, 200 add noise (benchmarks/themes.py)."""
NEIGHBOURS = 10
"""Texts a text is averaged with, itself included."""
SMOOTHINGS = 2
CHUNK = 1_000
"""Texts compared at once: 40 MB where there are 10,000."""
SMALLEST_SHARE = 0.95
"""The fewest groups that separate nearly as well as any number does: people read a short list."""
FEWEST_PER_GROUP = 8
"""Texts per group on average; with fewer, each group is an anecdote."""
MOST_GROUPS = 150
STEP = 1.4
"""Factor between the numbers of groups that are tried: finer steps cost seconds and change two digits of nothing people see."""
JUDGED = 2_000
"""Texts on which numbers of groups are compared: the silhouette of more has the same two digits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Space:
    """Texts as unit vectors, one row per text."""

    plain: Points
    smooth: Points
    """Averaged with neighbours."""


def embed(texts: Sequence[str]) -> Space:
    """Place texts; the same texts in the same order give the same points.

    Args:
        texts: At least 2.
    """
    from scipy.sparse import csr_array, hstack
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    often = 2 if len(texts) >= 100 else 1
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=often)
    pieces = TfidfVectorizer(
        analyzer="char_wb", sublinear_tf=True, ngram_range=(3, 5), min_df=often
    )
    # A text of one strange letter has no word; a vocabulary of nothing at all would be refused.
    told = [f"{text} ." if any(c.isalnum() for c in text) else "nothing said" for text in texts]
    matrix = csr_array(hstack([words.fit_transform(told), pieces.fit_transform(told)]))
    size = min(DIMENSIONS, *(n - 1 for n in matrix.shape))
    if size < 2:
        plain = np.ones((len(texts), 1), dtype=np.float32)
    else:
        reduced = TruncatedSVD(size, n_iter=3, random_state=0).fit_transform(matrix)
        plain = normalize(reduced).astype(np.float32)
    smooth = plain
    for _ in range(SMOOTHINGS):
        smooth = _unit(_neighbour_means(smooth))
    return Space(plain=plain, smooth=smooth)


def group(space: Space) -> NDArray[np.int64]:
    """Group all points of a space; the number of groups is the smallest that separates nearly as well as the best.

    Returns:
        Number of its group per point.

    Source: silhouette, Rousseeuw (1987), J. Comput. Appl. Math. 20, 53-65.
    """
    from sklearn.metrics import silhouette_score

    n = len(space.plain)
    tried: list[tuple[float, NDArray[np.int64]]] = []
    for k in _numbers(n):
        labels = groups_of(space.smooth, k)
        if 1 < len(set(labels.tolist())) < n:
            judged = min(n, JUDGED)
            score = silhouette_score(space.plain, labels, sample_size=judged, random_state=0)
            tried.append((float(score), labels))
    if not tried:
        return np.zeros(n, dtype=np.int64)
    best = max(score for score, _ in tried)
    return next(labels for score, labels in tried if score >= SMALLEST_SHARE * best)


def groups_of(points: Points, k: int) -> NDArray[np.int64]:
    """Group points into k groups."""
    from sklearn.cluster import KMeans

    found: NDArray[np.int64] = KMeans(k, n_init=1, random_state=0).fit_predict(points)
    return found


def nearest(points: Points, known: Points, *, count: int) -> tuple[NDArray[np.int64], Points]:
    """Indices into `known` of the nearest ones of each point, nearest first, and their cosines."""
    count = min(count, len(known))
    indices, cosines = [], []
    for start in range(0, len(points), CHUNK):
        similar = points[start : start + CHUNK] @ known.T
        top = np.argpartition(-similar, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(similar, top, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        indices.append(np.take_along_axis(top, order, axis=1))
        cosines.append(np.take_along_axis(values, order, axis=1))
    return np.concatenate(indices), np.concatenate(cosines)


def _neighbour_means(points: Points) -> Points:
    indices, _ = nearest(points, points, count=NEIGHBOURS)
    means: Points = points[indices].mean(axis=1)
    return means


def _unit(points: Points) -> Points:
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    unit: Points = (points / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return unit


def _numbers(n: int) -> list[int]:
    """Numbers of groups to try: from 2, growing by a factor."""
    most = min(MOST_GROUPS, n // FEWEST_PER_GROUP)
    if most < 2:
        return []
    steps = math.ceil(math.log(most / 2) / math.log(STEP)) + 1
    return sorted({min(most, round(2 * STEP**i)) for i in range(steps)})
