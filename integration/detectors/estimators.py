"""Estimators of how much of a picture's lowest bits was replaced: RS, sample pairs, WS.

Written after the papers: Fridrich, Goljan and Du 2001 (RS); Dumitrescu, Wu and Wang 2003, in the form
of Ker's quadratic (sample pairs); Fridrich and Goljan 2004 with the moderated weights of Ker and Boehme
2008 (WS). Each takes one channel as an array of 8-bit samples and answers the estimated share of samples
that carry a bit by replacement, 0 to 1 and beyond by error.
"""

import numpy as np


def rs(channel):
    """RS analysis with groups of four in a row and the mask 0 1 1 0."""
    samples = channel.astype(np.int32)
    usable = samples[:, : samples.shape[1] // 4 * 4].reshape(-1, 4)

    def both(groups):
        """Regular minus singular groups for the mask and its negative."""

        def noise(group):
            return np.abs(np.diff(group, axis=1)).sum(axis=1)

        plain = noise(groups)
        up = groups.copy()
        up[:, 1:3] ^= 1
        down = groups.copy()
        down[:, 1:3] = ((down[:, 1:3] + 1) ^ 1) - 1
        return [float(np.mean(np.sign(noise(moved) - plain))) for moved in (up, down)]

    d0, d_minus0 = both(usable)
    d1, d_minus1 = both(usable ^ 1)
    a, b, c = 2 * (d1 + d0), d_minus0 - d_minus1 - d1 - 3 * d0, d0 - d_minus0
    roots = np.roots([a, b, c])
    if len(roots) == 0:
        return 0.0
    root = min((r.real for r in roots), key=abs)
    return root / (root - 0.5)


def sample_pairs(channel):
    """Sample pair analysis over neighbours in rows and columns."""
    samples = channel.astype(np.int32)
    left = np.concatenate([samples[:, :-1].ravel(), samples[:-1].ravel()])
    right = np.concatenate([samples[:, 1:].ravel(), samples[1:].ravel()])
    even = right % 2 == 0
    x = np.count_nonzero((even & (left < right)) | (~even & (left > right)))
    y = np.count_nonzero((even & (left > right)) | (~even & (left < right)))
    z = np.count_nonzero(left == right)
    w = np.count_nonzero((left != right) & (left // 2 == right // 2))
    a, b, c = 0.5 * (w + z), 2 * x - len(left), y - x
    roots = np.roots([a, b, c])
    if len(roots) == 0:
        return 0.0
    return float(min(r.real for r in roots))


def ws(channel):
    """Weighted stego image with the filter of Ker and Boehme and moderated weights."""
    samples = channel.astype(np.float64)
    kernel = np.array([[-1, 2, -1], [2, 0, 2], [-1, 2, -1]]) / 4
    inner = samples[1:-1, 1:-1]
    predicted = np.zeros_like(inner)
    squares = np.zeros_like(inner)
    sums = np.zeros_like(inner)
    for dy in range(3):
        for dx in range(3):
            part = samples[dy : dy + inner.shape[0], dx : dx + inner.shape[1]]
            predicted += kernel[dy, dx] * part
            if (dy, dx) != (1, 1):
                sums += part
                squares += part * part
    variance = squares / 8 - (sums / 8) ** 2
    weights = 1 / (5 + np.maximum(variance, 0))
    weights /= weights.sum()
    flipped = 1 - 2 * (inner.astype(np.int64) & 1)
    return float(2 * np.sum(weights * (inner - predicted) * -flipped))


ALL = {"RS": rs, "sample pairs": sample_pairs, "WS": ws}
