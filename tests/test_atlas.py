"""The atlas: made from a folder with a tiny checkpoint, kept in bytes, read again."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from ldm.atlas import DRAWINGS, PIXELS, SPACES, THUMBNAIL, Atlas, find, to_bytes, to_pixels
from ldm.charts import CLAIMS, chance, check_claims, nearest_other
from ldm.images import to_image, to_pictures
from ldm.spaces import fixed_t, read_bottleneck, read_pictures, read_words
from ldm.training.atlas import build, from_folder

KINDS = {"red": (220, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 220)}
EACH = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of three colours; the first of each has a caption in a file of its own."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for kind, colour in KINDS.items():
        (folder / kind).mkdir()
        for k in range(EACH):
            pixels = np.clip(rng.normal(colour, 25, size=(4, 5, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).resize((48, 40)).save(folder / kind / f"{kind}_{k}.png")
        (folder / kind / f"{kind}_0.txt").write_text(f"a {kind} apple\n")
    return folder


@pytest.fixture(scope="module")
def made(bert_model, folder, tmp_path_factory):
    to = tmp_path_factory.mktemp("checkpoint") / "atlas"
    build(bert_model, from_folder(folder), to)
    return to


@pytest.fixture(scope="module")
def atlas(made):
    return Atlas.open(made)


def test_captions_and_categories_come_from_files_and_folders(atlas):
    assert len(atlas) == 3 * EACH
    assert atlas.rows["caption"][:2] == ["a blue apple", "blue 1"]
    assert atlas.rows["category"] == [kind for kind in sorted(KINDS) for _ in range(EACH)]


def test_vectors_are_those_of_the_model_to_half_a_step(atlas, bert_model, folder):
    pictures, entries = zip(*from_folder(folder), strict=True)
    exact = read_pictures(bert_model, pictures[:5], [entry.caption for entry in entries[:5]])
    for space in SPACES[:3]:
        kept = atlas.vectors(space)[:5]
        assert kept.shape == exact[space].shape and kept.dtype == np.float32
        half = atlas.arrays[f"{space}.steps"] / 2
        assert (np.abs(kept - exact[space]) <= half + 1e-6).all()
    off = np.abs(atlas.vectors("pixels")[:5] - exact["pixels"]).mean()
    assert off < 0.03  # what the sheet's compression costs, of a range of 2


def test_shapes_are_those_of_the_checkpoint(atlas, bert_model):
    n, width = len(atlas), bert_model.text_encoder.config.hidden_size
    wide = bert_model.unet.config.block_out_channels[-1]
    sizes = [np.prod(bert_model.latent_shape), wide, width, 3 * PIXELS**2]
    assert [atlas.vectors(space).shape for space in SPACES] == [(n, size) for size in sizes]
    for space in SPACES:
        for drawing, k in DRAWINGS.items():
            assert atlas.points(space, drawing).shape == (n, k)


@pytest.mark.parametrize("drawing", DRAWINGS)
@pytest.mark.parametrize("space", SPACES)
def test_a_picture_of_the_atlas_is_placed_where_it_is_drawn(atlas, space, drawing):
    places = atlas.place(space, drawing, atlas.vectors(space)[:7])
    points = atlas.points(space, drawing)
    np.testing.assert_allclose(places, points[:7], atol=1e-4 * np.ptp(points))


def test_neighbours_are_those_of_brute_force_without_the_picture_itself(atlas):
    for space in SPACES:
        vectors = atlas.vectors(space).astype(np.float64)
        apart = np.linalg.norm(vectors - vectors[5], axis=1)
        apart[5] = np.inf
        found, far = atlas.near_to(space, 5)
        assert 5 not in found and len(set(found.tolist())) == 10
        np.testing.assert_allclose(far * atlas.median(space), np.sort(apart)[:10], rtol=1e-4)


def test_random_pairs_are_one_median_apart(atlas):
    for space in SPACES:
        a, b = np.random.default_rng(3).integers(len(atlas), size=(2, 4000))
        vectors = atlas.vectors(space)
        apart = np.linalg.norm(vectors[a] - vectors[b], axis=1)[a != b]
        assert np.median(apart) / atlas.median(space) == pytest.approx(1, abs=0.05)


def test_an_atlas_knows_the_weights_it_was_made_with(atlas, bert_model, clip_model):
    its = atlas.about["digest"]
    assert bert_model.digest == its != clip_model.digest
    weight = next(bert_model.unet.parameters())
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.add_(0.1)
        assert replace(bert_model).digest != its
        weight.copy_(kept)  # exactly: other tests use the same model


def test_the_atlas_beside_a_checkpoint_is_its_own(made):
    assert find(made.parent) == made
    assert find(made) != made


@pytest.mark.parametrize("broken", [None, "{}", "no json"])
def test_what_is_no_atlas_is_refused(tmp_path, broken):
    if broken:
        (tmp_path / "atlas.json").write_text(broken)
    with pytest.raises(ValueError, match="is no atlas"):
        Atlas.open(tmp_path)
    with pytest.raises(ValueError, match="no pictures"):
        next(from_folder(tmp_path))


def test_a_damaged_atlas_is_refused(tmp_path):
    (tmp_path / "atlas.json").write_text('{"about": {}, "rows": {}}')
    (tmp_path / "atlas.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(ValueError, match="is no atlas"):
        Atlas.open(tmp_path)


@pytest.mark.parametrize("n", [3, 4])
def test_a_map_of_few_pictures_is_made_or_refused(bert_model, tmp_path, n):
    for k in range(n):
        picture = Image.new("RGB", (40, 40), (60 * k, 200 - 50 * k, 90))
        picture.save(tmp_path / f"{'abcd'[k]}.png")
    if n < 4:
        with pytest.raises(ValueError, match="4 different captions, these have 3"):
            build(bert_model, from_folder(tmp_path), tmp_path / "atlas")
    else:
        build(bert_model, from_folder(tmp_path), tmp_path / "atlas")
        assert len(Atlas.open(tmp_path / "atlas")) == n


def test_bytes_are_off_by_half_a_step_at_most():
    vectors = np.random.default_rng(0).normal(size=(50, 8)) * np.arange(1, 9)
    codes, steps = to_bytes(vectors)
    assert codes.dtype == np.int8 and np.abs(codes).max() == 127
    assert (np.abs(codes * steps - vectors) <= steps / 2 + 1e-6).all()


def test_pixels_are_means_of_the_thumbnail():
    thumbnails = np.zeros((1, THUMBNAIL, THUMBNAIL, 3), np.uint8)
    thumbnails[0, :2, :2, 0] = 255
    thumbnails[0, 0, 2, 1] = 255
    pixels = to_pixels(thumbnails).reshape(PIXELS, PIXELS, 3)
    np.testing.assert_allclose(pixels[0, 0], [1, -1, -1], atol=1e-6)
    np.testing.assert_allclose(pixels[0, 1], [-1, -0.5, -1], atol=1e-6)


def test_the_bottleneck_is_the_mean_of_the_middle_block(bert_model):
    latent = bert_model.noise([1, 2])
    seen = []
    hook = bert_model.unet.mid_block.register_forward_hook(lambda *given: seen.append(given[2]))
    vectors = read_bottleneck(bert_model, latent)
    hook.remove()
    torch.testing.assert_close(torch.from_numpy(vectors), seen[0].mean((2, 3)))
    np.testing.assert_allclose(read_bottleneck(bert_model, latent[:1]), vectors[:1], atol=1e-5)
    assert abs(float(bert_model.schedule.alphas_cumprod[fixed_t(bert_model)]) - 0.5) < 0.01


def test_a_unet_without_a_middle_is_read_where_its_way_down_ends(bert_model):
    model = replace(bert_model, unet=copy.deepcopy(bert_model.unet))
    model.unet.mid_block = None
    width = model.unet.config.block_out_channels[-1]
    assert read_bottleneck(model, model.noise([1, 2])).shape == (2, width)


@pytest.mark.parametrize("kind", ["bert_model", "clip_model"])
def test_words_have_length_1_and_padding_does_not_count(kind, request):
    model = request.getfixturevalue(kind)
    vectors = read_words(model, ["red", "red house", ""])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    hidden, n = model.embed(["red"]).hidden, len(model.tokenizer("red").input_ids)
    mean = hidden[0, :n].mean(0).numpy()
    np.testing.assert_allclose(vectors[0], mean / np.linalg.norm(mean), atol=1e-5)


def test_claims_of_clear_clusters_are_true_and_chance_is_counted():
    rng = np.random.default_rng(0)
    kinds = np.repeat(["a", "b", "c", "d"], 10)
    vectors = (np.repeat(np.eye(4), 10, axis=0) * 9 + rng.normal(size=(40, 4))).astype(np.float32)
    rows = {"concept": list(kinds), "category": ["x"] * 20 + ["y"] * 20, "style": [""] * 40}
    claims = check_claims(vectors, rows, CLAIMS)
    assert claims["concept"] == [1.0, pytest.approx(9 / 39, abs=1e-4)]
    assert claims["category"][1] == pytest.approx(10 / 30, abs=1e-4)
    assert "style" not in claims  # which all have in common
    apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    apart[kinds[:, None] == kinds[None]] = np.inf
    np.testing.assert_array_equal(nearest_other(vectors, kinds), apart.argmin(1))
    drawn = rng.integers(40, size=(2, 40_000))
    alike = (kinds[drawn[0]] == kinds[drawn[1]])[drawn[0] != drawn[1]].mean()
    assert chance(kinds, np.arange(40).astype(str)) == pytest.approx(alike, abs=0.01)


def test_decoding_at_a_picture_gives_the_picture_of_its_latent(atlas, bert_model, folder):
    picture = next(from_folder(folder))[0]
    latent = bert_model.encode(to_image(picture, bert_model.image_size))
    kept = torch.from_numpy(atlas.vectors("latent")[:1]).reshape(latent.shape)
    exact, ours = (to_pictures(bert_model.decode(x))[0] for x in (latent, kept))
    assert np.abs(np.asarray(exact, float) - np.asarray(ours, float)).mean() < 1  # of 255
