"""The vocabulary: kept with a checkpoint, and searched by meaning."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ldm.model import LatentDiffusion
from ldm.spaces import read_words
from ldm.training.text import grown
from ldm.vocabulary import Thing, Vocabulary


def test_a_vocabulary_is_kept_with_its_checkpoint(tmp_path):
    things = (Thing("apple", ("fruit",)), Thing("piñata"))
    captions = "An apple & two piñatas", "the fruit's 2 apple pies"
    Vocabulary.of_captions(things, captions).save(tmp_path)
    found = Vocabulary.load(tmp_path)
    assert found.things == things
    assert found.others == ("2", "an", "fruit's", "pies", "piñatas", "the", "two")


def test_a_checkpoint_without_one_has_an_empty_vocabulary(tmp_path, bert_folder):
    words = Vocabulary.load(tmp_path)
    assert words.things == () and words.nearest(None, "a cat") == []


def test_the_nearest_to_a_name_is_that_name(bert_folder):
    model = LatentDiffusion.load(bert_folder, "cpu")
    words = Vocabulary(Thing(name) for name in ("red apple", "house", "a boat"))
    for thing in words.things:
        assert words.nearest(model, thing.name, 2)[0] == thing.name
    assert len(words.nearest(model, "house", 9)) == 3


def test_what_words_mean_does_not_depend_on_what_else_is_in_the_batch(bert_folder):
    model = LatentDiffusion.load(bert_folder, "cpu")
    (alone,), (beside, _) = (
        read_words(model, texts) for texts in (["red"], ["red", "a much longer red house"])
    )
    assert alone.shape == (model.text_encoder.config.hidden_size,)
    np.testing.assert_allclose(alone, beside, atol=1e-5)


@pytest.mark.parametrize(
    "content", ["{", "[1]", '[{"name": "cat", "also": []}]', '{"things": [{"name": "cat"}]}']
)
def test_a_file_that_is_no_vocabulary_is_named(content, tmp_path):
    (tmp_path / "vocabulary.json").write_text(content)
    with pytest.raises(ValueError, match=r"vocabulary\.json is no vocabulary"):
        Vocabulary.load(tmp_path)


def test_what_words_mean_is_read_below_the_layers_trained_with_pictures(bert_folder):
    model = LatentDiffusion.load(bert_folder, "cpu")
    encoder = grown(model.text_encoder, model.text_encoder.encoder.layer[-1:])
    trained = replace(model, text_encoder=encoder)
    plain, told = (m.embed(["red house"]) for m in (model, trained))
    assert not torch.allclose(told.hidden, plain.hidden, atol=1e-3)  # the U-Net is told more
    np.testing.assert_array_equal(read_words(trained, ["red"]), read_words(model, ["red"]))
