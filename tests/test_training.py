"""Data, autoencoder, latents, text, denoiser, judge, export and evaluation, tiny, end to end."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import BertModel, BertTokenizerFast

from ldm import colours
from ldm.model import LatentDiffusion, trained_layers
from ldm.precision import fast_maths
from ldm.sampling import sample
from ldm.schedule import NoiseSchedule
from ldm.training import (
    autoencoder,
    begin,
    captioned,
    captions,
    checkpoint,
    closeness,
    denoiser,
    drawing,
    evaluate,
    example,
    grounding,
    grow,
    icons,
    judge,
    latents,
    loop,
    muon,
    questions,
    scenes,
    sources,
    text,
)
from ldm.training import prior as priors
from ldm.training.__main__ import parser
from ldm.vocabulary import Vocabulary

# The last is a held-out concept; the second and the third are a held-out pair.
CODES = ("1F34E", "1F697", "1F340", "1F3E0", "1F31E", "1F611")
SHAPES = {
    "red apple": '<circle cx="8" cy="9" r="6" fill="#d22"/>',
    "blue car": '<rect x="1" y="6" width="14" height="6" fill="#24c"/>',
    "green leaf": '<path d="M2 14 Q2 2 14 2 Q14 14 2 14" fill="#2a3"/>',
    "house": '<path d="M2 8 L8 2 L14 8 V15 H2 Z" fill="#b73"/>',
    "sun": '<circle cx="8" cy="8" r="7" fill="#fc2"/>',
    "box": '<rect x="2" y="2" width="12" height="12" fill="#a60"/><path d="M2 8H14"/>',
}


NOUNS = """\
  1 This line is of the licence
00000001 06 n 02 house 0 dwelling_house 0 001 @ 00000009 n 0000 | a building
00000002 06 n 03 chalet 0 Chalet 0 red_chalet 0 001 @ 00000001 n 0000 | a house of wood
00000003 06 n 04 cottage 0 hut 0 villas 0 mobile 0 002 @ 00000001 n 0000 ;c 00000002 n 0000 | one
00000004 06 n 01 lodge 0 001 @ 00000001 n 0000 | a small house
00000005 14 n 02 lodge 0 house 0 000 | people who meet
00000006 06 n 01 ski_lodge 0 001 @ 00000004 n 0000 | a kind of a kind
00000007 06 n 01 winter_lodge 0 001 @ 00000006 n 0000 | a kind of a kind of a kind
00000008 06 n 01 crib 0 002 @ 00000001 n 0000 ;u 00000005 n 0000 | slang for one
"""
SENSES = """\
  1 This line is of the licence
house n 2 1 @ 2 1 00000005 00000001
dwelling_house n 1 1 @ 1 0 00000001
chalet n 1 1 @ 1 0 00000002
red_chalet n 1 1 @ 1 0 00000002
cottage n 1 1 @ 1 0 00000003
hut n 1 1 @ 1 0 00000003
villas n 1 1 @ 1 0 00000003
mobile n 1 1 @ 1 0 00000003
lodge n 2 1 @ 2 0 00000005 00000004
ski_lodge n 1 1 @ 1 0 00000006
winter_lodge n 1 1 @ 1 0 00000007
crib n 1 1 @ 1 0 00000008
"""
HOW = {"steps": 2, "guidance": 4.0, "guidance_from": 500, "sampler": "ddim"}


def package(work: Path, source: sources.Source) -> Path:
    folder = work / "packages" / f"{source.name}-{source.version}" / "package"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory, bert_folder) -> Path:
    """A folder in which the pinned packages seem to be fetched: small ones in their layout."""
    work = tmp_path_factory.mktemp("work")
    for source in (*sources.ICON_SETS, sources.HELD_OUT_SET):
        folder = package(work, source)
        if source.name == "fluent-3d":
            (folder / "assets").mkdir()
            continue
        bodies = {name.replace(" ", "-"): {"body": svg} for name, svg in SHAPES.items()}
        bodies["unheard-of"] = {"body": SHAPES["sun"]}
        (folder / "icons.json").write_text(json.dumps({"icons": bodies, "width": 16, "height": 16}))
    names = package(work, sources.NAMES) / "en"
    (names / "shortcodes").mkdir(parents=True)
    (names / "messages.json").write_text(
        json.dumps({k: [{"order": 0, "key": "objects"}] for k in ("groups", "subgroups")})
    )
    entries = [
        {"label": name, "hexcode": code, "tags": ["thing"], "group": 0, "subgroup": 0}
        for code, name in zip(CODES, SHAPES, strict=True)
    ]
    (names / "data.json").write_text(json.dumps(entries))
    for kind in ("cldr", "emojibase", "github", "iamcal", "joypixels"):
        (names / "shortcodes" / f"{kind}.json").write_text('{"1F3E0": ["hut"]}')
    nouns = package(work, sources.WORDS) / "dict"
    nouns.mkdir()
    (nouns / "data.noun").write_text(NOUNS)
    (nouns / "index.noun").write_text(SENSES)
    (nouns / "index.adj").write_text("mobile a 1 0 1 0 00000007\n")
    return work


@pytest.fixture(scope="module")
def icon_set(work) -> icons.IconSet:
    return icons.build(work)


def test_icons_are_rendered_and_named(icon_set):
    assert len(icon_set.icons) == len(SHAPES) * 9  # nine sets of drawings; unknown names left out
    assert icon_set.pictures.shape == (len(icon_set.icons), icons.SIZE, icons.SIZE, 4)
    house = next(i for i in icon_set.icons if i.name == "house")
    assert house.synonyms == ("hut",) and house.group == "objects"
    # The other words most often mean something else, are known, plural, slang, adjectives, named by
    # a colour or a capital, kinds of kinds of kinds, or kept to measure by.
    assert house.kinds == ("dwelling house", "chalet", "ski lodge")
    apple = next(k for k, i in enumerate(icon_set.icons) if i.name == "red apple")
    assert icon_set.icons[apple].hue == pytest.approx(0, abs=2)
    assert tuple(icon_set.pictures[apple][64, 64]) == (0xDD, 0x22, 0x22, 255)


def test_a_wrong_hash_is_refused(tmp_path, monkeypatch):
    archive = tmp_path / "x.tgz"
    archive.write_bytes(b"not the package")
    monkeypatch.setattr(sources, "_download", lambda source, downloads: archive)
    with pytest.raises(RuntimeError, match="sha512"):
        sources.fetch(sources.NAMES, tmp_path)


def test_held_out_share_and_reproducibility():
    share = np.mean([icons.held_out("concept", str(i)) for i in range(4000)])
    assert share == pytest.approx(0.05, abs=0.012)
    assert icons.held_out("concept", "1F34E") == icons.held_out("concept", "1F34E")


def test_scenes_are_reproducible_and_show_what_the_caption_says(icon_set):
    composer = scenes.Composer(icon_set)
    first, again = (composer.scene(np.random.default_rng(5)) for _ in range(2))
    assert first.caption == again.caption and (first.picture == again.picture).all()
    rng = np.random.default_rng(0)
    for scene in (composer.scene(rng) for _ in range(60)):
        assert scene.picture.shape == (128, 128, 3)
        for thing in scene.things:
            assert len(thing.boxes) == thing.count
            assert all(0 <= b[0] < b[2] <= 128 and 0 <= b[1] < b[3] <= 128 for b in thing.boxes)
            if thing.colour:
                assert thing.colour in scene.caption
        for start, end, thing in scene.named():
            words = scene.caption[start:end]
            assert thing.name in words or thing.count > 1
            assert (thing.colour or "") in words
            assert thing.count == 1 or words.startswith(captions.QUANTITIES[thing.count])
        if scene.relation == "to the left of":
            left, right = (np.mean([b[0] + b[2] for b in t.boxes]) for t in scene.things)
            assert left < right
        if scene.relation == "above":
            upper, lower = (np.mean([b[1] + b[3] for b in t.boxes]) for t in scene.things)
            assert upper < lower


def test_where_no_style_is_named_each_thing_has_one_drawing(icon_set):
    """The first of the plain styles' that there is, in scenes as alone."""
    fewer = icon_set.select(lambda i: (i.source, i.name) != ("twemoji", "house"))
    drawn = {(fewer.icons[i].name, fewer.icons[i].source) for i in scenes.plain_drawings(fewer)}
    assert drawn == {(n, "emojione" if n == "house" else "twemoji") for n in SHAPES}
    composer, rng = scenes.Composer(icon_set), np.random.default_rng(0)
    alone = [composer.icon(rng, i) for i in range(len(icon_set.icons))]
    for composed in (alone, [composer.scene(rng) for _ in range(60)]):
        unnamed = [scene.style for scene in composed if " style" not in scene.caption]
        assert unnamed and set(unnamed) == {"twemoji"}
    often = [scene.style == "twemoji" for scene in latents.compose(icon_set, 0, 0.5, size=400)]
    assert 0.25 < np.mean(often) < 0.6


def test_half_of_the_backgrounds_are_named_whatever_they_are(icon_set):
    """What the other half says nothing of is of any colour, for the noise to decide."""
    composer, rng = scenes.Composer(icon_set), np.random.default_rng(0)
    drawn = [composer.icon(rng, i) for i in range(len(icon_set.icons)) for _ in range(4)]
    drawn += [composer.scene(rng) for _ in range(200)]
    named = [scene for scene in drawn if "background" in scene.caption]
    assert 0.4 < len(named) / len(drawn) < 0.6
    assert all(re.search(rf"\b{scene.background} background", scene.caption) for scene in named)
    left_open = [scene.background for scene in drawn if "background" not in scene.caption]
    assert set(left_open) == set(scenes.BACKGROUNDS)
    assert left_open.count("white") / len(left_open) < 0.2  # it is no likelier than others


def test_nothing_is_lost_on_a_background_that_nobody_asked_for(icon_set):
    """A yellow sun may stand on yellow only where the caption says so."""
    rgb = scenes.BACKGROUNDS["yellow"]
    sun = next(i for i, icon in enumerate(icon_set.icons) if icon.name == "sun")
    pixels = np.array(icon_set.pictures[sun])
    assert scenes.lost_share(Image.fromarray(pixels), rgb) == 1
    pixels[:64, :, :3] = 0, 0, 255
    assert 0.4 < scenes.lost_share(Image.fromarray(pixels), rgb) < 0.6
    composer, rng = scenes.Composer(icon_set), np.random.default_rng(0)
    alone = [composer.icon(rng, sun) for _ in range(400)]
    for asked in (True, False):
        drawn = [
            s for s in alone if ("background" in s.caption) == asked and not s.things[0].colour
        ]
        assert any(scene.background == "yellow" for scene in drawn) == asked


def test_people_stand_in_scenes_half_as_often_as_things(icon_set):
    grouped = tuple(
        replace(icon, group="people-body") if icon.name in ("sun", "box") else icon
        for icon in icon_set.icons
    )
    composer = scenes.Composer(icons.IconSet(grouped, icon_set.pictures))
    rng = np.random.default_rng(0)
    drawn = [thing.name for _ in range(400) for thing in composer.scene(rng).things]
    people = np.mean([name in ("sun", "box") for name in drawn])
    assert 0.12 < people < 0.28  # two of six, half as likely


def test_each_word_of_a_caption_is_grounded_where_its_thing_is(icon_set, bert_folder):
    tokenizer = BertTokenizerFast.from_pretrained(bert_folder / "tokenizer", model_max_length=80)
    composer, rng = scenes.Composer(icon_set), np.random.default_rng(0)
    drawn = [composer.scene(rng) for _ in range(30)]
    shape = (30, 80, grounding.CELLS, grounding.CELLS)
    for scene, places in zip(drawn, grounding.places(tokenizer, drawn).reshape(shape), strict=True):
        read = tokenizer(scene.caption, return_offsets_mapping=True)["offset_mapping"]
        for (start, end), place in zip(read, places, strict=False):
            named = [thing for a, b, thing in scene.named() if start < end and a <= start < b]
            assert place.any() == bool(named)
            for box in (box for thing in named for box in thing.boxes):
                x, y = ((box[k] + box[k + 2]) / 2 for k in (0, 1))
                assert place[int(y / 16), int(x / 16)]
            if named and scene.relation in ("and", "to the left of"):
                left, right = place[:, :4].any(), place[:, 4:].any()
                assert left != right and left == (named[0] == scene.things[0])
        assert not places[len(read) :].any()


def test_captions_say_more_than_pictures_show_but_not_what_is_kept_to_measure_by(icon_set):
    composer, rng = scenes.Composer(icon_set), np.random.default_rng(0)
    said = [composer.icon(rng, i).caption for i in range(len(icon_set.icons)) for _ in range(10)]

    def share(words):
        return np.mean(
            [any(re.search(rf"\b{word}\b", caption) for word in words) for caption in said]
        )

    def around(frames):
        return [word for frame in frames for word in frame.split("{}") if word]

    assert 0.15 < share(captions.ADJECTIVES) < 0.35
    assert 0.1 < np.mean([any(w in c for w in around(captions.FRAMES)) for c in said]) < 0.35
    assert share(captions.UNSEEN_ADJECTIVES) == 0
    one = captions.preceded(rng)
    assert {captions.preceded(rng)("owl") for _ in range(99)} == {"an owl", "the owl", "owl"}
    assert captions.counted("owl", 2, None, one=one) == "two owls"
    bundled = Vocabulary.load(checkpoint.BUNDLED)  # of real captions: "a broken heart"
    assert not (bundled.read | set(bundled.others)) & set(captions.UNSEEN_ADJECTIVES)
    assert not any(words in caption for words in around(captions.UNSEEN_FRAMES) for caption in said)
    asked = evaluate.reworded([i for i in icon_set.icons if i.source == "noto"], 60)
    assert len(asked) == len(SHAPES)
    for (prompt, right), name in zip(asked, SHAPES, strict=True):
        assert name in prompt and prompt != captions.article(name) and len(right) == 1


def test_captions_have_keywords_of_feelings_alone(icon_set):
    rng, icon = np.random.default_rng(0), icon_set.icons[0]
    for group, some in ((icon.group, False), (icons.FACES, True)):
        drawn = replace(icon, group=group, keywords=("yellow", "glad"))
        said = {captions.words_of(rng, drawn, None, None) for _ in range(99)}
        assert any("glad" in words for words in said) == some
        assert not any("yellow" in words for words in said)


def test_captions_say_one_thing_in_many_ways(icon_set):
    composer, rng = scenes.Composer(icon_set), np.random.default_rng(0)
    drawn = [scene for scene in (composer.scene(rng) for _ in range(1500)) if scene.relation]
    assert {scene.relation for scene in drawn} == set(captions.SAYINGS)
    for relation, ways in captions.SAYINGS.items():
        its = [scene for scene in drawn if scene.relation == relation]
        said = [max(w for w in ways if w.format(*scene.phrases) in scene.caption) for scene in its]
        assert set(said) == set(ways)
        assert 0.2 < said.count(ways[0]) / len(said) < 0.55
    question = questions.Question(
        "colours",
        (questions.Asked("1F989", "owl", 2, "red"),),
        (0,),
        style="noto",
        background="blue",
    )
    assert question.prompt == "two red owls on a blue background in the noto style"
    last = question.said("the {}".format, lambda ways: ways[-1])
    assert last == "noto style, the blue background, a couple of red owls"


def test_an_adjective_never_makes_the_name_of_another_thing(icon_set, monkeypatch):
    monkeypatch.setattr(scenes, "ADJECTIVES", ("red",))
    composer, rng = scenes.Composer(icon_set), np.random.default_rng(0)
    house = next(icon for icon in icon_set.icons if icon.name == "house")
    said = {
        name: {composer._adjective(rng, replace(house, name=name)) for _ in range(60)}
        for name in ("house", "apple")
    }
    assert said == {"house": {"red", None}, "apple": {None}}


def test_a_car_in_a_cartoon_is_no_car():
    thing = scenes.Thing("1F697", "car", 1, None, ())
    scene = scenes.Scene(None, "a cartoon of a car", ("a car",), (thing,), None, "white", "twemoji")
    assert list(scene.named()) == [(13, 18, thing)]


def random_unet(*widths: int) -> torch.nn.Module:
    """A U-Net in which nothing adds 0, as an untrained one's attention does."""
    torch.manual_seed(0)
    unet = denoiser.unet(4, 8, 24, widths).eval()
    for weight in unet.parameters():
        torch.nn.init.normal_(weight, std=0.5 / weight[0].numel() ** 0.5)
    return unet


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_a_grown_unet_computes_what_it_did_and_its_copies_differ(levels):
    widths = (16, 32, 32)[:levels]
    small, large = random_unet(*widths), denoiser.unet(4, 8, 24, tuple(2 * w for w in widths))
    weights = grow.grow(small.state_dict(), large, torch.Generator().manual_seed(0))
    large.load_state_dict(weights)
    given = torch.randn(2, 4, 8, 8), torch.tensor([3, 900]), torch.randn(2, 5, 24)
    with torch.no_grad():
        before, after = small(*given).sample, large(*given).sample
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-5)
    copies = large.conv_out.weight.unflatten(1, (-1, 2)).unbind(2)
    assert (copies[0] - copies[1]).abs().max() > 0.1 * copies[0].abs().max()


@pytest.mark.parametrize("level, old, new", [(0, (16, 32), (32, 32)), (1, (16, 16), (16, 32))])
def test_a_unet_of_which_one_level_grows_computes_what_it_did_on_the_way_down(level, old, new):
    small, large = random_unet(*old), denoiser.unet(4, 8, 24, new).eval()
    large.load_state_dict(grow.grow(small.state_dict(), large, torch.Generator().manual_seed(0)))
    given, seen = (torch.randn(2, 4, 8, 8), torch.tensor([3, 900]), torch.randn(2, 5, 24)), []
    for model in (small, large):
        model.down_blocks[level].register_forward_hook(
            lambda block, given, output: seen.append(output[0])
        )
        with torch.no_grad():
            model(*given)
    copied = seen[0].repeat_interleave(2, dim=1)
    torch.testing.assert_close(seen[1], copied, atol=1e-5, rtol=1e-5)


def test_a_unet_grows_from_the_upper_levels_of_a_deeper_one():
    """They go on as they were, where what came from below them adds nothing."""
    deep, cut = random_unet(16, 32, 48), denoiser.unet(4, 8, 24, (16, 32))
    weights = grow.grow(deep.state_dict(), cut, torch.Generator())
    cut.load_state_dict(weights)
    assert not cut.up_blocks[0].resnets[0].conv1.weight[:, :32].any()
    for blocks in ("down_blocks.0.", "up_blocks.1."):
        its = "up_blocks.2." if blocks.startswith("up") else blocks
        for name in (name for name in weights if name.startswith(blocks)):
            was = deep.state_dict()[name.replace(blocks, its)]
            torch.testing.assert_close(weights[name], was)


def test_a_unet_grows_by_transformer_blocks_that_change_nothing_at_first():
    old = random_unet(16, 32).state_dict()
    old = {name: w for name, w in old.items() if ".transformer_blocks.1." not in name}
    torch.manual_seed(1)
    models = [denoiser.unet(4, 8, 24, (16, 32)).eval() for _ in range(2)]
    given = torch.randn(2, 4, 8, 8), torch.tensor([3, 900]), torch.randn(2, 5, 24)
    for model in models:
        model.load_state_dict(grow.grow(old, model, torch.Generator()))
    names = [name for name in models[0].state_dict() if ".transformer_blocks.1." in name]
    assert any((models[0].state_dict()[n] != models[1].state_dict()[n]).any() for n in names)
    with torch.no_grad():
        first, second = (model(*given).sample for model in models)
        torch.testing.assert_close(first, second)
        for name in (name for name in names if ".to_out.0.weight" in name):
            models[1].get_parameter(name).normal_()
        assert (models[1](*given).sample - first).abs().max() > 0.01


def test_a_unet_does_not_grow_narrower_or_by_a_fraction():
    weights = random_unet(16, 32).state_dict()
    for widths in ((16, 16), (16, 48), (16, 32, 64)):
        with pytest.raises(ValueError, match="do not grow from the checkpoint's"):
            grow.grow(weights, denoiser.unet(4, 8, 24, widths), torch.Generator())


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_same_things_are_always_laid_out_alike(icon_set, count):
    """What differs from scene to scene is a few pixels of 128."""
    composer, places = scenes.Composer(icon_set), []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        _, things, _ = composer.draw(rng, [0, 1], [count, 1], [None, None], "and", "white")
        boxes = np.array([box for thing in things for box in thing.boxes])
        places.append((boxes[:, :2] + boxes[:, 2:]) / 2)
    assert np.ptp(places, axis=0).max() < 12
    assert places[0][:count, 0].max() < places[0][count, 0]  # in the order they are named


def test_held_out_combinations_are_never_composed(icon_set):
    assert icons.held_out("pair", *sorted(CODES[1:3]))  # that could be
    rng = np.random.default_rng(0)
    for scene in (scenes.Composer(icon_set).scene(rng) for _ in range(100)):
        codes = sorted(t.concept for t in scene.things)
        assert not any(
            icons.held_out("pair", a, b) for i, a in enumerate(codes) for b in codes[i + 1 :]
        )
        assert not any(
            icons.held_out("colour", t.colour, t.concept) for t in scene.things if t.colour
        )


def test_recolouring_changes_the_dominant_hue(icon_set):
    k = next(k for k, i in enumerate(icon_set.icons) if i.name == "red apple")
    blue = colours.recolour(icon_set.pictures[k], icon_set.icons[k].hue, "blue")
    assert colours.dominant_hue(blue) == pytest.approx(colours.COLOURS["blue"][0], abs=4)


def test_folded_statistics_give_unit_latents_and_the_same_picture():
    torch.manual_seed(0)
    model = autoencoder.autoencoder(4, (8, 8, 8)).eval()
    image = torch.rand(8, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        before = model.encode(image).latent_dist
        mean, std = before.mean.mean((0, 2, 3)), before.mean.std((0, 2, 3))
        picture = autoencoder.reconstruct(model, image)
        autoencoder.fold_statistics(model, mean, std)
        after = model.encode(image).latent_dist
        torch.testing.assert_close(after.mean.mean((0, 2, 3)), torch.zeros(4), atol=1e-4, rtol=0)
        torch.testing.assert_close(after.mean.std((0, 2, 3)), torch.ones(4), atol=1e-4, rtol=0)
        ratio = (before.std / after.std).mean((0, 2, 3))
        torch.testing.assert_close(ratio, std, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(
            autoencoder.reconstruct(model, image), picture, atol=1e-4, rtol=0
        )


def test_a_transformed_latent_belongs_to_the_transformed_image():
    def slope(scale):  # the same picture at any scale, and unlike itself turned or mirrored
        place = (torch.arange(16 * scale) + 0.5) / scale - 0.5
        y, x = torch.meshgrid(place, place, indexing="ij")
        return torch.stack([x, 3 * y, x + 2 * y])[None]

    torch.manual_seed(1)
    for _ in range(8):
        latent, image = autoencoder.transform(slope(1), slope(4))
        assert image.shape[-1] == 4 * latent.shape[-1] >= 32
        apart = torch.nn.functional.avg_pool2d(image, 4) - latent
        assert apart[..., 1:-1, 1:-1].abs().max() < 0.5


def test_psnr_and_frechet_distance_against_closed_forms():
    image = torch.zeros(2, 3, 8, 8)
    assert autoencoder.mean_psnr(image, image + 0.2) == pytest.approx(20.0, abs=1e-3)
    torch.manual_seed(0)
    a = torch.randn(20_000, 3)
    # two normal distributions: |m|^2 + sum (s - 1)^2
    assert closeness.frechet_distance(a, 2 * a + 1) == pytest.approx(6, abs=0.1)
    assert closeness.frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_min_snr_weighs_errors_of_x0_alike_up_to_gamma(prediction):
    schedule = NoiseSchedule.named("cosine", prediction=prediction)
    t = torch.tensor([0, 500, 900])
    snr = schedule.snr(t)
    implied = {"epsilon": snr, "v_prediction": snr + 1, "sample": torch.ones_like(snr)}[prediction]
    of_x0 = example.min_snr_weight(schedule, t) * implied
    expected = (snr + 1 if prediction == "v_prediction" else snr).clamp(max=5)
    torch.testing.assert_close(of_x0, expected)


@pytest.mark.parametrize(("shift", "median"), [(1, 500), (3, 750), (1 / 3, 250)])
def test_timesteps_are_drawn_from_the_whole_schedule_and_shifted(shift, median):
    t = example.random_timesteps(1000, 20_000, torch.Generator().manual_seed(0), shift)
    assert 0 <= t.min() < 5 and 995 < t.max() <= 999
    assert (t >= median).float().mean().item() == pytest.approx(0.5, abs=0.02)


def test_an_example_is_noised_as_the_schedule_says():
    schedule = NoiseSchedule.named("cosine", prediction="v_prediction")
    drawn = example.example(schedule, torch.randn(4, 8, 4, 4), torch.Generator().manual_seed(0))
    x0, eps = schedule.split(drawn.x_t, drawn.target, drawn.t)
    torch.testing.assert_close(x0, drawn.x0, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(eps, drawn.eps, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("turned", [False, True])
def test_a_stopped_run_goes_on_from_its_state(tmp_path, turned):
    def loss(model, x):
        return (model(x) - 1).square().mean(), {}, len(x)

    def state():
        torch.manual_seed(0)
        model = torch.nn.Linear(2, 1)
        return loop.State(model, tmp_path, lr=0.1, matrices=[model.weight] if turned else ())

    first = state()
    steps = list(
        loop.train(first, iter(lambda: torch.ones(4, 2), None), loss, minutes=0.02, warmup=1)
    )
    assert steps[-1].loss < 0.1 * steps[0].loss
    again = state()
    assert again.load() and again.step == first.step and again.samples == first.samples
    torch.testing.assert_close(again.model.weight, first.model.weight)
    assert again.optimizers.keys() == first.optimizers.keys()
    for name, optimizer in first.optimizers.items():
        resumed = again.optimizers[name].state_dict()["state"]
        torch.testing.assert_close(resumed, optimizer.state_dict()["state"])


@pytest.mark.parametrize("shape", [(6, 6), (4, 24), (24, 4)])
def test_muon_makes_the_singular_values_of_an_update_alike(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(muon.orthogonal(1000 * matrix))
    assert values.min() > 0.6 and values.max() < 1.3
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    across = u.T @ muon.orthogonal(matrix) @ v.T  # its directions are the matrix's own
    torch.testing.assert_close(across, torch.diag(across.diag()), atol=1e-3, rtol=0)


def test_muon_moves_a_convolution_as_far_as_adam_would():
    weight = torch.nn.Parameter(torch.zeros(8, 4, 3, 3))
    weight.grad = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    muon.Muon([weight], lr=0.01).step()
    assert weight.square().mean().sqrt().item() == pytest.approx(0.002, rel=0.1)  # 0.2 of the rate
    assert (weight * weight.grad).sum() < 0


def test_muon_learns_what_mixes_channels_inside_of_the_unet():
    unet = denoiser.unet(4, 8, 24, (16, 32))
    names = {id(w): name for name, w in unet.named_parameters()}
    chosen = {names[id(w)] for w in denoiser.matrices(unet)}
    assert "down_blocks.0.resnets.0.conv1.weight" in chosen
    assert "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight" in chosen
    assert not any(name.startswith(("conv_", "time_", "add_")) for name in chosen)
    assert all(unet.get_parameter(name).dim() > 1 for name in chosen)


def test_an_update_of_micro_batches_is_one_of_the_whole_batch(tmp_path):
    whole = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    trained = []
    for n in (1, 4):
        torch.manual_seed(0)
        state = loop.State(torch.nn.Linear(2, 1), tmp_path / str(n), lr=0.1)
        batches = iter(whole.chunk(n) * 3)

        def loss(model, x):
            return model(x).square().mean(), {"x": x.mean().item()}, len(x)

        steps = loop.train(state, batches, loss, minutes=1, micro_batches=n)
        trained.append((next(steps), next(steps), state))
        steps.close()
    (first, _, one), (same, _, four) = trained
    assert four.samples == one.samples == 16
    assert (same.loss, same.parts["x"]) == pytest.approx((first.loss, first.parts["x"]))
    torch.testing.assert_close(four.model.weight, one.model.weight)


def test_decay_ends_at_zero_and_keeps_the_undecayed_state(tmp_path):
    def loss(model, x):
        return model(x).square().mean(), {}, len(x)

    state = loop.State(torch.nn.Linear(2, 1), tmp_path, lr=0.1)
    *_, last = loop.train(
        state, iter(lambda: torch.ones(4, 2), None), loss, minutes=0.02, decay=0.5, warmup=1
    )
    assert last.lr < 0.02
    kept = loop.State(torch.nn.Linear(2, 1), tmp_path, lr=0.1)
    assert kept.load() and kept.step < state.step
    finished = loop.newest(tmp_path)
    assert finished["step"] == state.step
    torch.testing.assert_close(
        finished["average"], dict(state.average.state_dict()), rtol=0, atol=0
    )
    state.samples += 1
    state.save()
    assert loop.newest(tmp_path)["samples"] == state.samples  # what has seen more


def test_the_mean_of_runs_is_that_of_their_weights():
    one, other = ({"a": torch.tensor([x, 2 * x])} for x in (1.0, 3.0))
    assert loop.mean([one, other])["a"].tolist() == [2.0, 4.0]
    assert loop.mean([one])["a"].tolist() == [1.0, 2.0]


def test_the_slow_part_learns_at_a_tenth_of_the_rate(tmp_path):
    """The first step of Adam is as long as the learning rate, whatever the gradient."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    for layer in model:
        torch.nn.init.ones_(layer.weight)
    state = loop.State(model, tmp_path, lr=0.1, slow=model[1])
    steps = loop.train(
        state,
        iter(lambda: torch.ones(4, 2), None),
        lambda model, x: (model(x).sum(), {}, len(x)),
        minutes=1,
        warmup=1,
    )
    next(steps)
    steps.close()
    moved = [(layer.weight - 1).mean().item() for layer in model]
    assert moved == pytest.approx([-0.1, -0.01], rel=0.02)


def run(work: Path, *command: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "ldm.training", "--work", str(work), *command],
        check=True,
        cwd=Path(__file__).parents[1],
    )


def refused(work: Path, message: str, *command: str) -> None:
    asked = parser().parse_args(["--work", str(work), *command])
    with pytest.raises((FileNotFoundError, ValueError), match=message):
        asked.run(asked)


def test_a_command_says_what_it_cannot_do(work, icon_set, bert_folder, tmp_path):
    other = shutil.copytree(bert_folder, tmp_path / "other")
    measure = ("evaluate", "--model", str(other))
    refused(work, "not trained here", *measure)
    (other / "training.json").write_text("{}")
    refused(work, "not trained on the icons", *measure)
    with pytest.raises(SystemExit):
        parser().parse_args([*measure, "--sampler", "magic"])
    folder = tmp_path / "latents"
    folder.mkdir()
    (folder / "latents-000.npy").touch()
    latents.check_source(folder)
    with pytest.raises(ValueError, match="other pictures"):
        latents.check_source(folder, "of somebody's own")
    state = loop.State(torch.nn.Linear(1, 1), tmp_path / "state", lr=1e-3)
    with pytest.raises(ValueError, match="from 0 to 1, not 30"):
        next(loop.train(state, iter(()), None, minutes=1, decay=30))


def test_from_data_to_a_picture(work, icon_set, bert_folder, tmp_path, monkeypatch):
    """Every command in turn, each for a few seconds, ends in a checkpoint that draws."""
    text = package(work, sources.TEXT_ENCODER)
    for part in ("text_encoder", "tokenizer"):
        for file in (bert_folder / part).iterdir():
            (text / file.name).write_bytes(file.read_bytes())
    out = tmp_path / "tiny"
    brief = ("--minutes", "0.1", "--decay", "0.3")
    run(work, "autoencoder", "--channels", "4", "--batch", "4", *brief)
    run(work, "latents", "--shards", "1", "--shard-size", "32")
    run(work, "text", "--batch", "4", *brief)
    run(work, "denoiser", "--widths", "16", "32", "--batch", "4", "--out", str(out), *brief)
    expert = ("judge", "--out", str(work / "judge.safetensors"))
    run(work, *expert, "--batch", "4", *brief)
    run(work, "export", "--name", "denoiser", "denoiser", "--out", str(out))  # the mean of both
    measure = ("evaluate", "--model", str(out), "--judge", expert[2], "--prompts", "1")
    run(work, *measure, "--steps", "2")
    run(work, *measure, "--steps", "1", "--quick")
    figures = json.loads((out / "evaluation.json").read_text())
    assert figures["concepts"] == len(SHAPES)
    assert "position" in figures["asked"] and "single object, top 5" in figures["asked"]
    assert "| position |" in (out / "README.md").read_text()
    assert Image.open(out / "sheet.webp").width == 8 * 128
    model = LatentDiffusion.load(out, "cpu")
    assert trained_layers(model.text_encoder) == priors.LAYERS
    assert not checkpoint.has_text(out, checkpoint.load_text(work)[0])  # it went on learning
    (image,) = drawing.draw(model, ["a red apple"], **HOW)
    assert image.shape == (1, 3, 128, 128) and image.isfinite().all() and image.std() > 0.01


def test_pictures_are_drawn_as_the_guided_denoiser_would(bert_model):
    """Though the half without the prompt is left out where it counts for nothing."""
    prompts, seeds = ["a red apple", "a house"], [3, 5]
    how = {**HOW, "steps": 4}
    denoise = bert_model.denoiser(bert_model.embed(prompts), None, 4.0, 500)
    with fast_maths(bert_model.device):
        *_, last = sample(denoise, bert_model.schedule, bert_model.noise(seeds), 4)
    (image,) = drawing.draw(bert_model, prompts, seeds=seeds, **how)
    as_guided = (image - bert_model.decode(last.x_prev)).abs().mean()
    (other,) = drawing.draw(bert_model, prompts, seeds=seeds, **how | {"guidance_from": 1000})
    assert as_guided < 0.01 and (image - other).abs().mean() > 0.05


def test_own_pictures_from_a_folder_to_a_picture(tmp_path):
    """A folder with a table, a text file, and a name as captions trains both networks."""
    own, work, out = tmp_path / "own", tmp_path / "work", tmp_path / "own-model"
    own.mkdir()
    for name, colour in (("red", "#d22"), ("green", "#2d2"), ("blue_square", "#22d")):
        Image.new("RGB", (90, 60), colour).save(own / f"{name}.png")
    table = "file_name,text\nred.png,all red\n"
    (own / "metadata.csv").write_text(table, encoding="utf-8-sig")  # as spreadsheets write it
    (own / "green.txt").write_text("all green\n")
    captions = [p.caption for p in captioned.read_folder(own)]
    assert captions == ["blue square", "all green", "all red"]
    pictures = ("--pictures", str(own))
    brief = ("--minutes", "0.05", "--decay", "0.3", "--batch", "4")
    run(work, "autoencoder", *pictures, "--channels", "4", *brief)
    run(work, "latents", *pictures, "--shards", "1", "--shard-size", "8")
    made = json.loads((work / "latents" / "captions-000.json").read_text())
    kept = captioned.split(captioned.read_folder(own))[1][0].caption
    assert len(made) == 8 and set(made) <= set(captions)
    assert made[0] == kept and kept not in made[1:]  # it is measured on, never trained on
    run(work, "text", *brief)
    run(work, "denoiser", "--widths", "16", "32", "--out", str(out), *brief)
    (image,) = drawing.draw(LatentDiffusion.load(out, "cpu"), ["all red"], **HOW)
    assert image.shape == (1, 3, 128, 128) and image.isfinite().all()
    (own / "green.txt").write_text("all green, really\n")
    refused(work, "latents of other pictures", "latents", *pictures)
    refused(work, "no icons in", "evaluate", "--model", str(out))


def test_every_own_picture_comes_once_before_any_comes_again(tmp_path):
    own = [captioned.Captioned(tmp_path / f"{k}.png", str(k)) for k in range(50)]
    seen, kept = captioned.split(own)
    assert len(seen) + len(kept) == 50 and not set(seen) & set(kept) and kept
    twice = [p for shard in range(2) for p in captioned.compose(seen, shard, len(seen))]
    assert set(twice[: len(seen)]) == set(twice[len(seen) :]) == set(seen)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, "no pictures"),
        ("name,words\na.png,x\n", "columns"),
        ("file_name,text\nb.png,x\n", "b.png"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(tmp_path, table, message):
    if table:
        Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
        (tmp_path / "metadata.csv").write_text(table)
    with pytest.raises(ValueError, match=message):
        captioned.read_folder(tmp_path)


@pytest.mark.parametrize("length", [0, 60])
def test_a_broken_picture_is_named(tmp_path, length):
    path = tmp_path / "a.png"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"a\.png cannot be read"):
        _ = captioned.Captioned(path, "a").picture


def test_cached_latents_are_those_of_the_pictures_with_their_captions(work, icon_set, bert_folder):
    folder = work / "latents-test"
    folder.mkdir()
    torch.manual_seed(0)
    vae = autoencoder.autoencoder(4, (8, 8, 8)).eval()
    words = (
        BertModel.from_pretrained(bert_folder / "text_encoder").eval(),
        BertTokenizerFast.from_pretrained(bert_folder / "tokenizer"),
    )
    drawn = list(latents.compose(latents.trained_icons(icon_set), 0, 0.4, size=20))
    latents.build_shard(folder, 0, drawn, vae, words)
    assert json.loads((folder / "captions-000.json").read_text()) == [s.caption for s in drawn]
    empty = text.embed(*words, [""])
    batch = next(latents.batches(folder, empty, size=18, seed=0, dropout=0.0))
    with torch.no_grad():
        image = autoencoder.to_images([s.picture for s in drawn])
        x0 = vae.encode(image).latent_dist.mode()
    hidden, length = text.embed(*words, [s.caption for s in drawn])
    hidden = hidden.float()
    kept = latents.kept_back(folder)  # the first two, which no batch has
    torch.testing.assert_close(kept.x0, x0[:2], atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(kept.text, hidden[:2], atol=1e-3, rtol=1e-3)
    place = torch.from_numpy(grounding.places(words[1], drawn))
    assert torch.equal(kept.length, length[:2]) and torch.equal(kept.place, place[:2])
    rows = zip(batch.x0, batch.text, batch.length, batch.place, strict=True)  # shuffled
    for row, tokens, n, where in rows:
        k = 2 + int((x0[2:] - row).square().sum(dim=(1, 2, 3)).argmin())
        torch.testing.assert_close(row, x0[k], atol=1e-2, rtol=1e-2)
        torch.testing.assert_close(tokens, hidden[k], atol=1e-3, rtol=1e-3)
        assert n == length[k] and torch.equal(where, place[k])
    batch = next(latents.batches(folder, empty, size=18, seed=0, dropout=1.0))
    assert (batch.text == empty[0].float()).all() and (batch.length == empty[1]).all()
    assert not batch.place.any()


def test_trained_layers_read_as_the_text_encoder_that_has_them(bert_folder, tmp_path):
    """What the denoiser is trained on is what transformers computes from the saved encoder."""
    encoder = BertModel.from_pretrained(bert_folder / "text_encoder").eval()
    tokenizer = BertTokenizerFast.from_pretrained(bert_folder / "tokenizer")
    captions = ["a red apple", "", "two red apples next to a house"]
    hidden, length = text.embed(encoder, tokenizer, captions)
    torch.manual_seed(0)
    prior = priors.Prior(encoder, (4, 8, 8), 32).eval()
    with torch.no_grad():
        for weight in prior.layers.parameters():
            weight += 0.1 * torch.randn_like(weight) * weight.requires_grad
    x0_hat, place = prior(hidden.float(), length)
    assert x0_hat.shape == (3, 4, 8, 8) and place.shape == (3, hidden.shape[1], grounding.CELLS**2)
    text.grown(encoder, prior.layers).save_pretrained(tmp_path / "text_encoder")
    grown = BertModel.from_pretrained(tmp_path / "text_encoder").eval()
    assert checkpoint.has_text(tmp_path, grown) and not checkpoint.has_text(tmp_path, encoder)
    ids = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")
    told = priors.read(text.trained(grown), hidden.float(), length)
    expected = grown(ids.input_ids, attention_mask=ids.attention_mask).last_hidden_state
    torch.testing.assert_close(told, expected, atol=0.01, rtol=0.01)  # shards are half precision
    assert (told - hidden).abs().max() > 0.1
    below, same = text.embed(grown, tokenizer, captions)  # a second training starts there again
    assert torch.equal(below, hidden) and torch.equal(same, length)
    assert len(text.trained(encoder)) == 0  # that has none


def test_going_on_from_a_checkpoint_goes_on_with_its_text_encoder(bert_folder, tmp_path):
    """Unless another one was trained since, which the denoiser then learns to read."""
    start, work = tmp_path / "start", tmp_path / "work"
    shutil.copytree(bert_folder, start)
    encoder = BertModel.from_pretrained(start / "text_encoder")
    first, other = (text.grown(encoder, encoder.encoder.layer[k : k + 1]) for k in (0, 1))
    first.save_pretrained(start / "text_encoder")
    (start / "training.json").write_text('{"text": {"samples": 5, "hours": 0.1}}')
    checkpoint.adopt_text(start, work)
    assert checkpoint.has_text(start, checkpoint.load_text(work)[0])
    assert checkpoint.part_records(work, first)["text"]["samples"] == 5
    assert "text" not in checkpoint.part_records(tmp_path, encoder)  # that has no trained layer
    other.save_pretrained(work / "text" / "text_encoder")
    checkpoint.adopt_text(start, work)  # another checkpoint's, which this one's replaces
    assert checkpoint.has_text(start, checkpoint.load_text(work)[0])
    (work / "text" / "finished.pt").touch()  # as if it was trained there, and went on in `start`
    checkpoint.adopt_text(start, work)
    assert checkpoint.has_text(start, checkpoint.load_text(work)[0])
    other.save_pretrained(work / "text" / "text_encoder")
    (work / "text" / "text_encoder" / "training.json").write_text('{"samples": 7, "hours": 0.2}')
    checkpoint.adopt_text(start, work)
    assert not checkpoint.has_text(start, checkpoint.load_text(work)[0])


def test_a_state_older_than_the_checkpoint_is_not_gone_on_from(bert_folder, tmp_path):
    start = tmp_path / "start"
    shutil.copytree(bert_folder, start)
    state = loop.State(torch.nn.Linear(1, 1), tmp_path / "polish", lr=0.1)
    (start / "training.json").write_text('{"samples": 9, "hours": 0.1}')
    assert not begin.resumed(state, start, "unet")  # nothing is there yet
    state.samples = 9
    state.save()
    assert begin.resumed(state, start, "unet")
    (start / "training.json").write_text('{"samples": 12, "hours": 0.2}')
    with pytest.raises(ValueError, match="earlier run"):
        begin.resumed(state, start, "unet")
    assert begin.resumed(state, None, "unet")


def test_a_denoiser_does_not_go_on_with_parts_that_were_trained_since(bert_folder, tmp_path):
    encoder = BertModel.from_pretrained(bert_folder / "text_encoder")
    first, second = (
        loop.State(torch.nn.Linear(1, 1), tmp_path / name, lr=0.1) for name in ("first", "second")
    )
    assert begin.begin_denoiser(first, None, tmp_path, encoder) == "new"
    first.save()
    assert begin.begin_denoiser(first, None, tmp_path, encoder) == "resumed"
    (tmp_path / "text" / "text_encoder").mkdir(parents=True)
    (tmp_path / "text" / "text_encoder" / "training.json").write_text('{"samples": 7}')
    with pytest.raises(ValueError, match="text encoder was trained since"):
        begin.begin_denoiser(first, None, tmp_path, encoder)
    assert begin.begin_denoiser(second, None, tmp_path, encoder) == "new"
    second.save()
    autoencoder.autoencoder(4, (8, 8)).save_pretrained(tmp_path / "autoencoder" / "vae")
    with pytest.raises(ValueError, match="autoencoder was trained since"):
        begin.begin_denoiser(second, None, tmp_path, encoder)


def test_a_prior_learns_which_caption_has_which_picture_and_what_is_where(bert_folder):
    encoder = BertModel.from_pretrained(bert_folder / "text_encoder").eval()
    tokenizer = BertTokenizerFast.from_pretrained(bert_folder / "tokenizer")
    hidden, length = text.embed(encoder, tokenizer, ["red", "a blue house"])
    torch.manual_seed(0)
    place = torch.zeros(2, hidden.shape[1], grounding.CELLS**2, dtype=torch.bool)
    place[0, 1, :8] = place[1, 2, 8:] = True
    batch = latents.Batch(torch.randn(2, 1, 4, 4), hidden.float(), length, place)
    prior = priors.Prior(encoder, (1, 4, 4), 32)
    optimizer = torch.optim.AdamW(prior.parameters(), lr=1e-2)
    before = priors.error(prior, batch)
    for _ in range(60):
        optimizer.zero_grad()
        priors.loss(prior, batch)[0].backward()
        optimizer.step()
    assert priors.error(prior.eval(), batch) < 0.1 * before
    known = place.any(-1)
    assert torch.equal(prior(batch.text, batch.length)[1][known] > 0, place[known])
    unknown = replace(batch, place=place & False)  # of somebody's own pictures
    assert priors.loss(prior, unknown)[1]["place"] == 0


def test_questions_are_of_what_was_trained_or_only_of_what_was_not(icon_set):
    for unseen in (False, True):
        asked = questions.ask(icon_set, 5, unseen=unseen)
        assert {"two objects", "position", "colours"} <= {question.category for question in asked}
        for question in asked:
            codes = sorted(thing.concept for thing in question.things)
            if len(codes) == 2:  # what is held out of a colour binding is colours alone
                pair_too = unseen and question.category != "colour binding"
                assert icons.held_out("pair", *codes) == pair_too
            for thing in question.things:
                if thing.colour:
                    assert icons.held_out("colour", thing.colour, thing.concept) == unseen
                    assert f"{thing.colour} {thing.name}" in question.prompt


def test_a_judge_that_sees_the_truth_answers_every_question_and_any_other_none(icon_set):
    """What a perfect judge would see of the real scenes, from where they were drawn."""
    composer, rng = scenes.Composer(icon_set), np.random.default_rng(0)
    for question in questions.ask(icon_set, 6):
        counts, colours = ([getattr(t, k) for t in question.things] for k in ("count", "colour"))
        relation = question.relation or ("and" if len(counts) == 2 else None)
        drawn = composer.draw(rng, question.icons, counts, colours, relation, question.background)
        found = tuple(
            judge.Found((t.concept,), t.colour or "red", (x0 + x1) / 2, (y0 + y1) / 2)
            for t in drawn[1]
            for x0, y0, x1, y1 in t.boxes
        )
        told = (question.style or "", question.background or "", torch.zeros(1))
        assert all(question.answered(judge.Seen(found, *told)).values())
        other = (judge.Found(("another",), "red", 64, 64),)
        for seen in (judge.Seen(other, *told), judge.Seen(found, "none", "none", told[2])):
            known = seen.things == found and not (question.style or question.background)
            assert not any(question.answered(seen).values()) or known


def test_a_share_counts_prompts_not_their_pictures():
    """Four pictures of a prompt that are all right, or all wrong, say no more than one."""
    once = evaluate.share([True, False, True, True])
    assert once == {"share": 0.75, "error": 0.25, "count": 4}  # the error by hand: sqrt(3/16 / 3)
    assert evaluate.share([[right] * 4 for right in (True, False, True, True)]) == once
    assert evaluate.share([[True, True, True, False]] * 4)["error"] == 0
    assert evaluate.share([True]) == {"share": 1, "error": 0, "count": 1}


def test_pictures_of_one_question_are_scored_together(icon_set):
    asked = questions.ask(icon_set, 2)[:2]
    right = [judge.Found((q.things[0].concept,), "red", 64, 64) for q in asked]
    told = [right[0], right[0], right[0], right[1]]  # the second question's first is wrong

    class Expert:
        def look(self, image):
            return [judge.Seen((thing,), "", "", torch.zeros(1)) for thing in told]

    assert right[0].concepts != right[1].concepts
    rows = evaluate.score(Expert(), torch.zeros(4, 3, 128, 128), asked, seeds=2)
    assert rows["single object"] == {"share": 0.75, "error": 0.25, "count": 2}


def test_real_scenes_stand_on_the_background_that_is_asked_for_or_any(icon_set):
    asked = [q for q in questions.ask(icon_set, 40) if q.category in ("background", "position")]
    colours = np.array(list(scenes.BACKGROUNDS.values()))
    found = []
    for question, image in zip(asked, evaluate.real_scenes(icon_set, asked), strict=True):
        apart = np.abs(colours - closeness.background(image)).sum(axis=1)
        found.append(tuple(scenes.BACKGROUNDS)[apart.argmin()])
        assert question.background in (None, found[-1])
    assert len({name for name, q in zip(found, asked, strict=True) if not q.background}) > 4


def test_what_is_asked_for_without_a_style_is_the_plain_drawing(icon_set):
    asked = questions.ask(icon_set, 10)
    plain = scenes.plain_drawings(icon_set)
    for question, meant in zip(asked, questions.plainly(asked, icon_set), strict=True):
        assert question.prompt == meant.prompt
        codes = [icon_set.icons[i].concept for i in meant.icons]
        assert codes == [thing.concept for thing in question.things]
        assert meant == question if question.style else set(meant.icons) <= plain


def test_a_training_picture_is_a_copy_on_any_background(icon_set):
    house = next(i for i, icon in enumerate(icon_set.icons) if icon.name == "house")
    blue, white = (scenes.BACKGROUNDS[name] for name in ("blue", "white"))

    def twins(*sides, rgb):
        return autoencoder.to_images([scenes.alone(icon_set, house, s, rgb) for s in sides])

    [drawn] = twins(90, rgb=blue)
    assert closeness.background(drawn) == blue
    assert closeness.is_copy(drawn, twins(98, 82, rgb=blue))
    assert not closeness.is_copy(-drawn, twins(98, 82, rgb=blue))
    assert not closeness.is_copy(drawn, twins(98, 82, rgb=white))


def test_one_thing_that_looks_like_both_is_not_two():
    asked = tuple(questions.Asked(c, c, 1, None) for c in ("cat face", "dog face"))
    question = questions.Question("two objects", asked, (0, 1))
    found = judge.Found(("cat face", "dog face"), "red", 64, 64)
    other = judge.Found(("dog face", "fox"), "red", 20, 64)
    for seen, right in (((found,), False), ((found, found), False), ((found, other), True)):
        told = question.answered(judge.Seen(seen, "", "", torch.zeros(1)))
        assert told == {"two objects": right}


def test_a_saved_judge_sees_the_same(tmp_path):
    torch.manual_seed(0)
    expert = judge.Judge(judge.Detector(5).eval(), tuple("ABCDE"))
    expert.save(tmp_path / "folder" / "judge.safetensors")
    again = judge.Judge.load(tmp_path / "folder" / "judge.safetensors")
    assert again.concepts == expert.concepts
    image = torch.rand(2, 3, 128, 128) * 2 - 1
    for one, two in zip(expert.look(image), again.look(image), strict=True):  # stored in half
        torch.testing.assert_close(two.features, one.features, rtol=0.02, atol=0.02)


def test_what_is_hardly_asked_for_is_not_trained_on():
    def icon(name, group, subgroup=""):
        return icons.Icon(name, "noto", name, (), (), group, subgroup)

    wanted = (
        icon("cook", "people-body", "person-role"),
        icon("man", "people-body", "person"),
        icon("red circle", "symbols", "geometric"),
        icon("cat", "animals-nature"),
    )
    others = (
        icon("woman cook", "people-body", "person-role"),
        icon("men wrestling", "people-body", "person-sport"),
        icon("libra", "symbols", "zodiac"),
        icon("chequered flag", "flags", "flag"),
    )
    icon_set = icons.IconSet((*wanted, *others), np.zeros((8, 1, 1, 4), np.uint8))
    known = latents.trained_icons(icon_set).icons + latents.kept_icons(icon_set).icons
    assert {i.name for i in known} == {i.name for i in wanted}


def test_the_judge_learns_where_things_are(icon_set):
    """Targets mark the cell of each thing's middle, and the focal loss is least there."""
    number = {code: k for k, code in enumerate(sorted({i.concept for i in icon_set.icons}))}
    drawn = [scenes.Composer(icon_set).scene(np.random.default_rng(k)) for k in range(4)]
    wanted = judge.targets(drawn, number)
    assert len(wanted.cells) == sum(thing.count for scene in drawn for thing in scene.things)
    assert (wanted.heat[tuple(wanted.cells[:, :3].T)] == 1).all()
    right = torch.where(wanted.heat == 1, 9.0, -9.0)
    assert judge.focal(right, wanted.heat) < 0.01 < judge.focal(-right, wanted.heat)
    model = judge.Detector(len(number), (8, 8, 16, 16))
    image = judge.halve(autoencoder.to_images([scene.picture for scene in drawn]))
    assert model(image).heat.shape == wanted.heat.shape
    value, parts, count = judge.loss(model, (image, wanted))
    assert value.isfinite() and count == 4 and 0 <= parts["hit"] <= 1


def test_plurals_and_articles():
    assert captions.plural("glass of milk") == "glasses of milk"
    assert captions.plural("octopus") == "octopuses"
    assert captions.article("apple") == "an apple"
    assert captions.article("grapes") == captions.plural("grapes") == "grapes"
