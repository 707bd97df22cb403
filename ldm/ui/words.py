"""Help with the prompt: which things the chosen model was trained to draw."""

import functools
from dataclasses import asdict
from typing import Any

import gradio as gr

from ldm.ui.answers import tell
from ldm.ui.request import MAX_PROMPT
from ldm.ui.studio import Studio
from ldm.ui.theme import WEB
from ldm.vocabulary import Vocabulary


class Words(gr.HTML):
    """A line of suggestions under the prompt; it is empty for a model that says nothing.

    Its value is the name of the model that is chosen; the first one's may be "".
    """

    def __init__(self, studio: Studio) -> None:
        @functools.cache
        def words_of(name: str) -> Vocabulary:
            return Vocabulary.load(studio.models.source(name))

        def vocabulary(name: Any) -> dict[str, Any]:
            words = words_of(str(name))
            return {"things": [asdict(thing) for thing in words.things], "others": words.others}

        def meaning(asked: Any) -> dict[str, Any]:
            prompt, name = asked["prompt"], str(asked["model"])
            if not isinstance(prompt, str) or len(prompt) > MAX_PROMPT:
                raise ValueError(f"The prompt must be text of at most {MAX_PROMPT:,} characters.")
            return studio.compute(tell_of, prompt, words_of(name), model=name)

        def tell_of(model: Any, text: str, words: Vocabulary) -> dict[str, Any]:
            return {"near": words.nearest(model, text), "reading": model.reading(text)}

        super().__init__(
            html_template='<p class="offers" role="status" aria-label="Words the model knows"></p>',
            js_on_load=(WEB / "words.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            server_functions=[tell(vocabulary), tell(meaning)],
            elem_id="words",
        )
