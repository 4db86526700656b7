"""How well themes of real messages are told apart, and how well new ones are noticed.

    python -P benchmarks/themes.py [--rounds 3]

Messages of a bank's customers in 62 themes, found through PRISMA_SHARED_DATA (default ../shared/data). Beside ours: k-means on TF-IDF of words, with the true
number of themes and with the number its own silhouette prefers. New themes: ten of the 62 are held back and arrive later, together with two fifths of the others.
"""

import argparse
import os
import time
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score
from threadpoolctl import threadpool_limits

from prisma_assets.domain.learning.theme import Said, place
from prisma_assets.domain.learning.theme_space import _numbers, embed, group, groups_of

DATA = Path(__file__).parents[1] / os.environ.get("PRISMA_SHARED_DATA", "../shared/data")
DAY = date(2026, 3, 1)
HELD_BACK = 10
KNOWN_SHARE = 0.6


def report(name: str, truth: np.ndarray, labels: np.ndarray, seconds: float) -> None:
    """One line."""
    nmi = normalized_mutual_info_score(truth, labels)
    ari = adjusted_rand_score(truth, labels)
    print(
        f"{name:<44} groups {len(set(labels)):>3}   NMI {nmi:.3f}   ARI {ari:.3f}   {seconds:5.1f} s",
        flush=True,
    )


def kmeans_estimated(matrix: object) -> np.ndarray:
    """K-means with the number of groups the silhouette likes best."""
    tried = []
    for k in _numbers(matrix.shape[0]):
        labels = KMeans(k, n_init=1, random_state=0).fit_predict(matrix)
        tried.append((silhouette_score(matrix, labels, sample_size=2_000, random_state=0), labels))
    return max(tried, key=lambda t: t[0])[1]


def all_at_once(messages: pd.DataFrame) -> None:
    """Grouping everything."""
    truth, texts = messages.category.to_numpy(), messages.text.tolist()
    themes = messages.category.nunique()
    matrix = TfidfVectorizer(sublinear_tf=True, min_df=2).fit_transform(texts)
    began = time.perf_counter()
    labels = KMeans(themes, n_init=1, random_state=0).fit_predict(matrix)
    report("k-means on TF-IDF, true number", truth, labels, time.perf_counter() - began)
    began = time.perf_counter()
    report(
        "k-means on TF-IDF, estimated number",
        truth,
        kmeans_estimated(matrix),
        time.perf_counter() - began,
    )
    began = time.perf_counter()
    space = embed(texts)
    placing = time.perf_counter() - began
    began = time.perf_counter()
    labels = groups_of(space.smooth, themes)
    report("ours, true number", truth, labels, placing + time.perf_counter() - began)
    began = time.perf_counter()
    report("ours, estimated number", truth, group(space), placing + time.perf_counter() - began)


def arriving(messages: pd.DataFrame, seed: int) -> None:
    """New themes among known ones."""
    rng = np.random.default_rng(seed)
    held = set(rng.choice(sorted(messages.category.unique()), HELD_BACK, replace=False))
    is_held = messages.category.isin(held).to_numpy()
    is_first = ~is_held & (rng.random(len(messages)) < KNOWN_SHARE)
    said = [Said(feedback_id=str(i), text=t, day=DAY) for i, t in enumerate(messages.text)]
    first = place([s for s, old in zip(said, is_first, strict=True) if old])
    later = place([*first.said, *(s for s, old in zip(said, is_first, strict=True) if not old)])
    again = place(later.said)
    founded: dict[str, list[str]] = {t: [] for t in later.founded}
    for s in later.said:
        if s.theme_id in founded:
            founded[s.theme_id].append(messages.category[int(s.feedback_id)])
    top = {t: Counter(c).most_common(1)[0][0] for t, c in founded.items()}
    right = [t for t, c in founded.items() if sum(x in held for x in c) > len(c) / 2]
    kept = sum(
        a.theme_id == b.theme_id for a, b in zip(first.said, later.said, strict=False) if a.theme_id
    )
    print(
        f"held back with seed {seed}: {len(first.themes)} themes at first; {len(founded)} new groups, "
        f"{len(right)} of them of held-back themes (precision {len(right) / max(1, len(founded)):.2f}); "
        f"{len({top[t] for t in right})} of {HELD_BACK} held-back themes have a group of their own; "
        f"texts that kept their theme {kept}/{sum(s.theme_id is not None for s in first.said)}; "
        f"groups founded by looking again {len(again.founded)}",
        flush=True,
    )


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="draws of held-back themes")
    options = parser.parse_args()
    messages = pd.read_csv(DATA / "feedback" / "banking_messages.csv")
    messages = messages.sample(frac=1, random_state=1).reset_index(drop=True)
    with threadpool_limits(1):  # As the product does: see domain/learning/theme.py.
        all_at_once(messages)
        for seed in range(options.rounds):
            arriving(messages, seed)


if __name__ == "__main__":
    main()
