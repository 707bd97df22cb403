"""Drawings of a space of many dimensions in 2 or 3: PCA and UMAP, and how far they can be trusted.

Everything here is numpy: a map can be looked at without a network.

N  vectors that are drawn    B  new ones    D  their numbers    k  numbers of a drawing, 2 or 3
"""

from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 10  # that place a new point in a UMAP drawing, and that faithfulness is measured at
BLOCK = 512  # vectors that are compared with all others at once
Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Pca:
    """The k directions in which vectors differ most (Pearson 1901)."""

    mean: Array  # [D]
    axes: Array  # [k, D] orthonormal, the one of the largest variance first
    explained: Array  # [k] share of the variance that each of them shows

    @classmethod
    def fit(cls, vectors: Array, k: int) -> "Pca":
        """Returns the axes of vectors [N, D], each turned so that its largest number is positive.

        They are eigenvectors of the covariance; with fewer vectors than dimensions they follow
        from those of the N x N matrix of inner products, which is the smaller one.
        """
        n, width = vectors.shape
        if not 1 <= k < min(n, width + 1):
            raise ValueError(f"{n} vectors of {width} numbers cannot be drawn in {k} dimensions")
        mean = vectors.mean(0, dtype=np.float64)
        x = vectors - mean
        if width <= n:
            variances, axes = np.linalg.eigh(x.T @ x)
            axes = axes[:, : -k - 1 : -1].T
        else:
            variances, weights = np.linalg.eigh(x @ x.T)
            axes = weights[:, : -k - 1 : -1].T @ x
            axes /= np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), 1e-12)
        largest = np.abs(axes).argmax(1)
        axes *= np.sign(axes[np.arange(k), largest])[:, None]
        shares = np.maximum(variances[: -k - 1 : -1], 0) / max(np.square(x).sum(), 1e-12)
        return cls(*(part.astype(np.float32) for part in (mean, axes, shares)))

    def place(self, new: Array) -> Array:
        """Returns the coordinates [B, k] of vectors [B, D], exactly."""
        return (new - self.mean) @ self.axes.T


def draw_umap(vectors: Array, k: int, seed: int = 0) -> Array:
    """Returns coordinates [N, k] that keep neighbours together (McInnes et al. 2018).

    Raises ValueError if umap-learn, which only building a map needs, is not installed.
    """
    try:
        from umap import UMAP
    except ModuleNotFoundError:
        raise ValueError(
            "UMAP needs umap-learn: pip install -r ldm/training/requirements.txt"
        ) from None
    near = min(15, len(vectors) - 1)
    start = "spectral" if len(vectors) > 4 * k else "random"
    umap = UMAP(n_components=k, n_neighbors=near, init=start, random_state=seed, n_jobs=1)
    return umap.fit_transform(vectors).astype(np.float32)


def nearest(vectors: Array, new: Array, k: int) -> tuple[Array, Array]:
    """Returns the k vectors [N, D] nearest to each new one [B, D]: indices and distances [B, k].

    Candidates are found by inner products, which is fast; their distances are then computed by
    difference, so that two equal vectors have a distance of exactly 0.
    """
    k = min(k, len(vectors))
    more = min(k + 8, len(vectors))
    squares = np.einsum("nd,nd->n", vectors, vectors)
    rough = squares - 2 * new @ vectors.T  # but for what is the same in a row: |new|^2
    found = np.argpartition(rough, more - 1, axis=1)[:, :more]
    exact = np.stack([distances(vectors[row], x) for row, x in zip(found, new, strict=True)])
    order = np.lexsort((found, exact), axis=1)[:, :k]
    return np.take_along_axis(found, order, 1), np.take_along_axis(exact, order, 1)


def neighbours(vectors: Array, k: int) -> tuple[Array, Array]:
    """Returns the k others nearest to each of the vectors [N, D]: indices, distances [N, k]."""
    n = len(vectors)
    k = min(k, n - 1)
    indices, far = np.empty((n, k), np.int64), np.empty((n, k), np.float32)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        found, apart = nearest(vectors, vectors[start:stop], k + 1)
        own = found == np.arange(start, stop)[:, None]
        own[~own.any(1), -1] = True  # among many equal ones it may not have found itself
        indices[start:stop] = found[~own].reshape(-1, k)
        far[start:stop] = apart[~own].reshape(-1, k)
    return indices, far


def distances(vectors: Array, to: Array) -> Array:
    """Returns the Euclidean distance [N] of each vector [N, D] to one [D], or pair by pair."""
    return np.linalg.norm(vectors - to, axis=-1)


def weigh(far: Array) -> Array:
    """Returns weights [B, k] of sum 1 that fall with the distances [B, k], as 1 / distance.

    What lies at distance 0 gets all the weight.
    """
    weights = np.where(far > 0, 1 / np.maximum(far, 1e-30), 0)
    here = (far == 0).any(1, keepdims=True)
    weights = np.where(here, far == 0, weights)
    return weights / weights.sum(1, keepdims=True)


def place_among(vectors: Array, points: Array, new: Array) -> Array:
    """Returns coordinates [B, k] for new vectors in a drawing that has no formula, as UMAP's.

    They are the mean of the coordinates [N, k] of the 10 nearest vectors [N, D], weighted by
    1 / distance: approximate, and never outside of what is drawn.
    """
    found, far = nearest(vectors, new, NEIGHBOURS)
    return np.einsum("bj,bjk->bk", weigh(far), points[found])


def trustworthiness(vectors: Array, points: Array, k: int = NEIGHBOURS) -> float:
    """Returns how many of the neighbours in a drawing are true ones, 0 to 1 (Venna & Kaski 2001).

    Of the k points [N, k] nearest to a point, those that are not among the k nearest vectors
    [N, D] count by how far down they come there.
    """
    n = len(vectors)
    if not 0 < k < n / 2:
        raise ValueError(f"k must be from 1 to less than half of the {n} vectors, got {k}")
    drawn, _ = neighbours(points, k)
    squares = np.einsum("nd,nd->n", vectors, vectors)
    total = 0
    for start in range(0, n, BLOCK):
        rows = np.arange(start, min(start + BLOCK, n))
        apart = squares - 2 * vectors[rows] @ vectors.T
        apart[np.arange(len(rows)), rows] = -np.inf  # a vector comes before all others: rank 0
        for near in drawn[rows].T:
            ranks = (apart < apart[np.arange(len(rows)), near][:, None]).sum(1)
            total += np.maximum(ranks - k, 0).sum()
    return float(1 - 2 * total / (n * k * (2 * n - 3 * k - 1)))


def continuity(vectors: Array, points: Array, k: int = NEIGHBOURS) -> float:
    """Returns how many of the true neighbours [N, D] stay neighbours in a drawing [N, k], 0 to 1.

    It is the trustworthiness of the space as a drawing of the drawing.
    """
    return trustworthiness(points, vectors, k)
