"""A trained detector: SPAM features and an ensemble of Fisher's linear discriminants.

Written after Pevny, Bas and Fridrich 2010 (686 features: second-order chains of differences between
neighbours, cut at 3) and Kodovsky, Fridrich and Holub 2012 (random subspaces, votes).
"""

import numpy as np

CUT = 3
SIDE = 2 * CUT + 1


def spam(picture):
    """The 686 features of a picture, averaged over its channels."""
    return np.mean([of_channel(picture[..., c].astype(np.int16)) for c in range(3)], axis=0)


def of_channel(channel):
    straight, diagonal = [], []
    for dy, dx in [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)]:
        turned = channel[:: -1 if dy < 0 else 1, :: -1 if dx < 0 else 1]
        y, x = abs(dy), abs(dx)
        rows, columns = turned.shape
        differences = turned[: rows - y, : columns - x] - turned[y:, x:]
        d = np.clip(differences, -CUT, CUT) + CUT
        rows, columns = d.shape
        first = d[: rows - 2 * y, : columns - 2 * x]
        second = d[y : rows - y, x : columns - x]
        third = d[2 * y :, 2 * x :]
        chains = (first.astype(np.int32) * SIDE + second) * SIDE + third
        counts = np.bincount(chains.ravel(), minlength=SIDE**3).reshape(SIDE, SIDE, SIDE)
        share = counts / np.maximum(counts.sum(axis=2, keepdims=True), 1)
        (diagonal if y and x else straight).append(share.ravel())
    return np.concatenate([np.mean(straight, axis=0), np.mean(diagonal, axis=0)])


class Ensemble:
    """Votes of linear discriminants, each on some features and some of the training pairs."""

    def __init__(self, rng, learners=61, features=120):
        self.rng, self.learners, self.features = rng, learners, features

    def fit(self, clean, carrying):
        both = np.concatenate([clean, carrying])
        self.mean, self.scale = both.mean(axis=0), both.std(axis=0) + 1e-9
        clean, carrying = self.normal(clean), self.normal(carrying)
        self.parts = []
        for _ in range(self.learners):
            some = self.rng.choice(clean.shape[1], min(self.features, clean.shape[1]), False)
            drawn = self.rng.integers(0, len(clean), len(clean))
            a, b = clean[drawn][:, some], carrying[drawn][:, some]
            spread = np.cov(a.T) + np.cov(b.T)
            spread += np.eye(len(some)) * 1e-2 * np.trace(spread) / len(some)
            weights = np.linalg.solve(spread, b.mean(axis=0) - a.mean(axis=0))
            threshold = weights @ (a.mean(axis=0) + b.mean(axis=0)) / 2
            self.parts.append((some, weights, threshold))
        return self

    def normal(self, features):
        return (features - self.mean) / self.scale

    def votes(self, features):
        features = self.normal(features)
        return np.mean([features[:, s] @ w > t for s, w, t in self.parts], axis=0)


def error(clean, carrying):
    """The least mean of false alarms and misses over all thresholds; 0.5 is guessing."""
    thresholds = np.unique(np.concatenate([clean, carrying, [-1, 2]]))
    return min((np.mean(clean > t) + np.mean(carrying <= t)) / 2 for t in thresholds)


def vote_error(clean, carrying):
    """The mean of false alarms and misses at the threshold that training set: half of the votes."""
    return (np.mean(clean > 0.5) + np.mean(carrying <= 0.5)) / 2
