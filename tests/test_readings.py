"""Words that no caption contains, read as names that captions contain."""

from dataclasses import replace

import numpy as np
import pytest
from transformers import BertTokenizerFast

from ldm.capture import find_words
from ldm.model import LatentDiffusion
from ldm.training.icons import FACES, Icon, of_feelings
from ldm.training.readings import expanded, readings
from ldm.training.wordnet import Nouns
from ldm.ui.inside import name_word

DATA = """\
00000001 05 n 01 dog 0 000 | an animal
00000002 05 n 01 wolfling 0 000 | another
00000003 06 n 01 kennel 0 000 | an artifact
00000004 05 n 01 beast 0 000 | far from all
00000005 05 n 01 big 0 000 | an adjective too
00000006 18 n 01 keeper 0 000 | a person
00000007 06 n 01 hut 0 000 | an artifact
00000008 05 n 01 wolfette 0 000 | as near as the wolfling, in pieces
00000009 18 n 01 hermit 0 000 | a person
00000010 20 n 01 grape 0 000 | of which there are many
"""
INDEX = """\
dog n 1 0 1 0 00000001
wolfling n 1 0 1 0 00000002
kennel n 1 0 1 0 00000003
beast n 1 0 1 0 00000004
big n 1 0 1 0 00000005
keeper n 1 0 1 0 00000006
hut n 1 0 1 0 00000007
wolfette n 1 0 1 0 00000008
hermit n 1 0 1 0 00000009
grape n 1 0 1 0 00000010
"""
ANGLES = {
    "dog": 0,
    "kennel": 10,
    "wolfling": 50,
    "wolfette": 50,
    "hut": 60,
    "beast": 80,
    "keeper": 0,
    "hermit": 40,
    "grape": 200,
    "grapes": 200,
    "bigs": 200,
}
TOKENS = {"wolfling", "kennel", "beast", "keeper", "hermit"}


@pytest.fixture(scope="module")
def nouns(tmp_path_factory) -> Nouns:
    folder = tmp_path_factory.mktemp("wordnet")
    (folder / "data.noun").write_text(DATA)
    (folder / "index.noun").write_text(INDEX)
    (folder / "index.adj").write_text("big a 1 0 1 0 00000007\n")
    return Nouns(folder)


@pytest.fixture
def worded(bert_folder):
    """The small model with a tokenizer that reads some words as others, saved and loaded."""
    model = LatentDiffusion.load(bert_folder, "cpu")
    meant = {"hut": "house", "huts": "houses", "old oak": "apple", "zoo": "red apple"}
    return model, expanded(model.tokenizer, meant)


def vectors(phrases) -> np.ndarray:
    angles = np.radians([ANGLES[phrase.removeprefix("a ")] for phrase in phrases])
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def icon(name: str, group: str, *kinds: str) -> Icon:
    return Icon(name, "twemoji", name, (), (), group, "", kinds=kinds)


def test_kinds_and_near_nouns_of_the_same_field_are_read_as_the_name(nouns):
    dog = icon("dog", "animals-nature", "poodle", "big dog")
    hut = icon("hut", "travel-places", "poodle")  # the first thing that is called so
    concepts, read = [dog, hut, icon("keeper", "people-body")], {"dog", "hut", "big"}
    # Not what captions say, what is near to nothing or in pieces, an adjective or a person. The
    # kennel is nearer to the dog, which is of another field.
    found = readings(concepts, nouns, read, TOKENS, vectors)
    assert found == {
        "poodle": "dog",
        "poodles": "dogs",
        "wolfling": "dog",
        "wolflings": "dogs",
        "kennel": "hut",
        "kennels": "huts",
    }


@pytest.mark.parametrize(
    ("at", "found"),  # cosines to dog and wolfling: 0.77 and 0.98, 0.71 and 1, -0.31 and 0.53
    [(40, "dog"), (45, "wolfling"), (108, None)],
)
def test_what_has_a_word_as_a_keyword_counts_as_nearer(nouns, monkeypatch, at, found):
    monkeypatch.setitem(ANGLES, "beast", at)
    dog, wolfling = (icon(name, "animals-nature") for name in ("dog", "wolfling"))
    concepts = [replace(dog, keywords=("beast",)), wolfling]
    read = {"dog", "wolfling", "wolfette", "hermit", "keeper", "kennel", "hut"}
    meant = readings(concepts, nouns, read, TOKENS, vectors)
    assert meant.get("beast") == found


@pytest.mark.parametrize(("at", "found"), [(56, "keeper"), (58, None)])  # 0.56, 0.53
def test_people_are_meant_by_their_keywords_alone(nouns, monkeypatch, at, found):
    monkeypatch.setitem(ANGLES, "hermit", at)
    keeper = icon("keeper", "people-body")
    for keywords, meant in (((), None), (("hermit",), found)):
        concepts = [replace(keeper, keywords=keywords)]
        assert readings(concepts, nouns, {"keeper"}, TOKENS, vectors).get("hermit") == meant


def test_keywords_of_faces_say_what_is_felt_not_who_or_what_is_shown(nouns):
    drawn = [icon("face", FACES), icon("dog", "animals-nature")]
    drawn = [replace(one, keywords=("keeper", "kennel", "glad", "big")) for one in drawn]
    face, dog = of_feelings(drawn, nouns)
    assert face.keywords == ("glad", "big") and dog.keywords == drawn[1].keywords


def test_one_of_what_there_are_only_many_of_is_read_as_these(nouns):
    concepts = [icon(name, "food-drink") for name in ("grapes", "bigs")]
    read = {"grapes", "bigs"}
    assert readings(concepts, nouns, read, TOKENS, vectors) == {"grape": "grapes"}


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("a red HUT, two huts", "a red house, two houses"),
        ("a hut-like chute", None),
        ("an old oak", "an apple"),
        ("zoo", "red apple"),
    ],
)
def test_a_word_is_read_as_another_and_only_where_it_is_whole(worded, prompt, read):
    model, tokenizer = worded
    ids = tokenizer(prompt, padding="max_length").input_ids
    assert ids == model.tokenizer(read or prompt, padding="max_length").input_ids


def test_a_saved_checkpoint_reads_them_in_plain_diffusers_and_here(worded, bert_folder, tmp_path):
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(bert_folder)
    pipeline.register_modules(tokenizer=worded[1])
    pipeline.save_pretrained(tmp_path / "worded")
    again = StableDiffusionPipeline.from_pretrained(tmp_path / "worded")
    model = LatentDiffusion.load(tmp_path / "worded", "cpu")
    hut, house = (again.encode_prompt(f"a {w}", "cpu", 1, False)[0] for w in ("hut", "house"))
    assert hut.equal(house) and model.embed(["a hut"]).hidden.allclose(hut)
    assert model.reading("Hut") == "house" and model.reading("two hüts") == "two houses"
    assert name_word(model, "Hut") == "Hut → house" and name_word(model, "House") == "House"
    assert not any(map(model.reading, ["House", "hútch", "小屋", "🛖", "כוך", ""]))


def test_training_goes_on_from_it_with_words_as_they_are(worded, tmp_path):
    """Captions of one's own may tell a hut from a house."""
    model, tokenizer = worded
    tokenizer.save_pretrained(tmp_path)
    plain = BertTokenizerFast.from_pretrained(tmp_path)
    assert plain("a hut, a zoo").input_ids == model.tokenizer("a hut, a zoo").input_ids
    assert plain.model_max_length == model.tokenizer.model_max_length


@pytest.mark.parametrize(
    "words", [["a", "red", "hut", ",", "huts"], ["an", "old oak"], ["zoo", "zoo"]]
)
def test_its_tokens_stand_where_the_typed_word_does(worded, words):
    prompt = " ".join(words)
    spans = worded[1](prompt, return_offsets_mapping=True)["offset_mapping"]
    assert [word for word, _ in find_words(prompt, spans)] == words
