"""Words that no caption contains, read as the names of things that captions do contain.

What the trained layers say of a hound, if they never read of one, is between what they say of a
dog and of a horse, and nothing that can be drawn. But WordNet knows that a poodle is a dog, Unicode
that who says squirrel may mean a chipmunk, and MiniLM that a hound is near a dog. So the tokenizer
of a checkpoint has such words replaced, before it looks for tokens: an expansion of the vocabulary
(as in Kiros et al. 2015, section 2.3) that can be read in tokenizer.json, and that leaves all
weights as they are.
"""

import functools
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np

from ldm.model import LatentDiffusion
from ldm.spaces import read_words
from ldm.training import icons, latents, wordnet
from ldm.training.captions import article, is_plural, plural, singular
from ldm.training.icons import Icon
from ldm.training.wordnet import FIELDS, Nouns
from ldm.vocabulary import words_of

NEAR = 0.6  # cosine in MiniLM, from which a noun is read as a name
NEAR_IN_PIECES = 0.7  # of words that MiniLM has no token for: they are near to what is spelt alike
NO_THING = {"art"}  # what an artist's palette is called too: a sketch of a cat is none
KEYWORD = 0.25  # by how much nearer what has the word as a keyword counts
KEYWORD_OF_PEOPLE = 0.05  # a mother is a keyword of Mrs. Claus
EXACT = {"people-body"}  # groups whose names are read in no word that is only near


def readings(
    concepts: Sequence[Icon],
    nouns: Nouns,
    read: Collection[str],
    tokens: Collection[str],
    vectors: Callable[[Sequence[str]], np.ndarray],
) -> dict[str, str]:
    """What is read as the name of a thing, singular and plural: the word, or two, to that name.

    Synonyms and kinds of it by WordNet, its keywords, and nouns that are nearest to one of its
    names. concepts: a drawing of each; read: the words of the captions; tokens and vectors:
    MiniLM's, the latter of some phrases [N,D], of length 1.
    """

    read = set(read)

    def is_new(word: str) -> bool:
        return not read.issuperset(words_of(word))

    kinds = {kind: icon.name for icon in reversed(concepts) for kind in reversed(icon.kinds)}
    ones = {singular(icon.name): icon.name for icon in concepts if is_plural(icon.name)}
    kinds |= {one: name for one, name in ones.items() if nouns.is_noun(one)}
    fields = {word: field for word, field in nouns.things().items() if is_new(word)}
    found = nearest(fields, concepts, nouns, tokens, vectors)
    found |= {kind: name for kind, name in kinds.items() if is_new(kind)}
    several = {plural(word): plural(name) for word, name in found.items()}
    return {word: name for word, name in several.items() if is_new(word)} | found


def nearest(
    fields: dict[str, int],
    concepts: Sequence[Icon],
    nouns: Nouns,
    tokens: Collection[str],
    vectors: Callable[[Sequence[str]], np.ndarray],
) -> dict[str, str]:
    """Words to the name of the thing of their field that is nearest, if it is near enough.

    What has the word as a keyword counts as nearer; people are meant by their keywords alone.
    fields: of each word, as in `Nouns.things`; the rest as in `readings`.
    """
    called = [
        (word, icon)
        for icon in concepts
        if icon.group in FIELDS
        for word in (icon.name, *icon.synonyms)
        if word not in NO_THING
    ]
    meant = [nouns.fields(word) & FIELDS[icon.group] for word, icon in called]
    exact = np.array([icon.group in EXACT for _, icon in called])
    fitting = {
        field: np.array([field in some for some in meant]) & ~exact
        for field in set(fields.values())
    }
    keyed = defaultdict(list)  # of a word, the indices of what it is a keyword of
    for k, (_, icon) in enumerate(called):
        for word in icon.keywords:
            if fields.get(word) in FIELDS[icon.group]:
                keyed[word].append(k)
    words = [word for word, field in fields.items() if keyed[word] or fitting[field].any()]
    if not words:
        return {}
    cosine = vectors(list(map(article, words))) @ vectors([article(word) for word, _ in called]).T
    nearer = np.where(exact, KEYWORD_OF_PEOPLE, KEYWORD)
    found = {}
    for word, row in zip(words, cosine, strict=True):
        near = np.where(fitting[fields[word]], row, -1)
        near[keyed[word]] = row[keyed[word]] + nearer[keyed[word]]
        best = int(near.argmax())
        if near[best] >= (NEAR if word in tokens else NEAR_IN_PIECES):
            found[word] = called[best][1].name
    return found


def of_icons(work: Path, model: LatentDiffusion, read: Collection[str]):
    """The model's tokenizer, reading words as the names of the icons' concepts.

    read: the words of the captions.
    """
    concepts = latents.concepts(latents.trained_icons(icons.load(work)))
    tokens, vectors = model.tokenizer.get_vocab(), functools.partial(read_words, model)
    meant = readings(concepts, wordnet.nouns(work), read, tokens, vectors)
    return expanded(model.tokenizer, meant)


def expanded(tokenizer, meant: dict[str, str]):
    """A copy of a tokenizer that reads these words as others; spans stay those of the prompt."""
    from tokenizers import Regex, Tokenizer, normalizers
    from transformers import PreTrainedTokenizerFast

    words: dict[str, list[str]] = defaultdict(list)
    for word, name in meant.items():
        words[name].append(word)
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    replaced = (
        normalizers.Replace(Regex(rf"(?<![\w-])(?:{'|'.join(sorted(some))})(?![\w-])"), name)
        for name, some in sorted(words.items())
    )
    backend.normalizer = normalizers.Sequence([backend.normalizer, *replaced])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=tokenizer.model_max_length,
        **tokenizer.special_tokens_map,
    )
