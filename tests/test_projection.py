"""Projections against scikit-learn, closed forms and brute force."""

import numpy as np
import pytest

from ldm.projection import (
    Pca,
    continuity,
    draw_umap,
    nearest,
    neighbours,
    place_among,
    trustworthiness,
    weigh,
)

RNG = np.random.default_rng(0)
CLOUDS = {  # more vectors than dimensions, and fewer
    "long": RNG.normal(size=(200, 12)) * np.arange(12, 0, -1) + 3,
    "wide": RNG.normal(size=(40, 300)) * np.linspace(4, 1, 300),
}


@pytest.mark.parametrize("name", CLOUDS)
def test_pca_matches_scikit_learn(name):
    from sklearn.decomposition import PCA

    vectors = CLOUDS[name]
    theirs = PCA(3).fit(vectors)
    ours = Pca.fit(vectors, 3)
    np.testing.assert_allclose(ours.explained, theirs.explained_variance_ratio_, rtol=1e-4)
    np.testing.assert_allclose(ours.mean, theirs.mean_, atol=1e-5)
    signs = np.sign((ours.axes * theirs.components_).sum(1))
    np.testing.assert_allclose(ours.axes * signs[:, None], theirs.components_, atol=1e-4)
    drawn = theirs.transform(vectors) * signs
    np.testing.assert_allclose(ours.place(vectors), drawn, atol=2e-3)


def test_pca_of_an_ellipse_has_its_axes():
    angle = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    flat = np.stack([3 * np.cos(angle), np.sin(angle)], 1)
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    pca = Pca.fit(flat @ turn + [5, -2], 2)
    np.testing.assert_allclose(pca.explained, [0.9, 0.1], atol=1e-5)
    np.testing.assert_allclose(np.abs(pca.axes), np.abs(turn), atol=1e-5)


def test_pca_in_all_dimensions_loses_nothing():
    vectors = CLOUDS["long"]
    pca = Pca.fit(vectors, 12)
    np.testing.assert_allclose(pca.explained.sum(), 1, atol=1e-5)
    np.testing.assert_allclose(pca.place(vectors) @ pca.axes + pca.mean, vectors, atol=1e-4)


@pytest.mark.parametrize("k", [0, 13, 200])
def test_pca_in_impossible_dimensions_is_refused(k):
    with pytest.raises(ValueError, match=f"in {k} dimensions"):
        Pca.fit(CLOUDS["long"], k)


def test_neighbours_match_brute_force():
    vectors, new = CLOUDS["long"].astype(np.float32), RNG.normal(size=(7, 12)).astype(np.float32)
    apart = np.linalg.norm(new[:, None] - vectors[None], axis=-1)
    order = np.argsort(apart, axis=1)[:, :10]
    found, far = nearest(vectors, new, 10)
    np.testing.assert_array_equal(found, order)
    np.testing.assert_allclose(far, np.take_along_axis(apart, order, 1), rtol=1e-5)
    apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    found, _ = neighbours(vectors, 10)
    np.testing.assert_array_equal(found, np.argsort(apart, axis=1)[:, :10])


def test_nobody_is_its_own_neighbour_though_many_are_equal():
    vectors = np.repeat(RNG.normal(size=(5, 3)), 30, axis=0).astype(np.float32)
    found, far = neighbours(vectors, 4)
    assert found.shape == (150, 4) and not (found == np.arange(150)[:, None]).any()
    assert (far == 0).all()


def test_weights_sum_to_1_and_what_is_here_has_all():
    weights = weigh(np.array([[1.0, 2.0, 4.0], [0.0, 1.0, 2.0]]))
    np.testing.assert_allclose(weights, [[4 / 7, 2 / 7, 1 / 7], [1, 0, 0]])


def test_a_known_vector_is_placed_where_it_is_drawn():
    vectors = CLOUDS["wide"].astype(np.float32)
    points = RNG.normal(size=(40, 2))
    np.testing.assert_array_equal(place_among(vectors, points, vectors[:9]), points[:9])
    pca = Pca.fit(vectors, 2)
    np.testing.assert_array_equal(pca.place(vectors)[:9], pca.place(vectors[:9]))


def test_a_new_vector_is_placed_among_its_neighbours():
    vectors = np.array([[0.0, 0], [1, 0], [50, 50], *[[90.0, y] for y in range(20)]])
    points = np.arange(46.0).reshape(23, 2)
    placed = place_among(vectors, points, np.array([[1e-6, 0.0]]))
    np.testing.assert_allclose(placed, points[:1], atol=1e-3)


@pytest.mark.parametrize("k", [1, 5, 10])
@pytest.mark.parametrize("name", CLOUDS)
def test_trustworthiness_and_continuity_match_scikit_learn(name, k):
    from sklearn.manifold import trustworthiness as theirs

    vectors = CLOUDS[name]
    points = Pca.fit(vectors, 2).place(vectors)
    assert trustworthiness(vectors, points, k) == pytest.approx(
        theirs(vectors, points, n_neighbors=k)
    )
    assert continuity(vectors, points, k) == pytest.approx(theirs(points, vectors, n_neighbors=k))
    assert trustworthiness(vectors, vectors, k) == 1


def test_umap_keeps_clusters_apart():
    centres = 20 * np.eye(6)[:3]
    kinds = np.repeat(np.arange(3), 30)
    vectors = (centres[kinds] + RNG.normal(size=(90, 6))).astype(np.float32)
    points = draw_umap(vectors, 2)
    assert points.shape == (90, 2)
    found, _ = neighbours(points, 5)
    assert (kinds[found] == kinds[:, None]).mean() > 0.99
