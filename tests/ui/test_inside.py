"""Inside the U-Net: what the messages say, and the panels in a real browser."""

import base64
from dataclasses import replace

import numpy as np
import pytest
import torch

from ldm.capture import average, follow
from ldm.trajectory import Settings, Trajectory, generate
from ldm.ui.request import Request
from ldm.ui.run import File
from ldm.ui.studio import Studio

ASKED = Request("a red house", seed=3, steps=4)
TILES = "[data-part=words] > div"


def draw(studio, *given) -> list[dict]:
    return [message for message in studio.generate(*given) if "n" in message]


def levels_of(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8)


def test_the_messages_say_what_share_each_word_gets(bert_folder, bert_model):
    studio = Studio(bert_folder, "cpu")
    studio.load()
    start, *steps, _ = draw(studio, ASKED)
    assert start["words"] == ["a", "red", "house"]
    settings = Settings(n_steps=4)
    run = follow(bert_model.unet, generate(bert_model, ASKED.prompt, ASKED.seed, settings))
    words = [ASKED.prompt[a:b] for a, b in bert_model.tokenize([ASKED.prompt]).spans[0]]
    for message, (_, seen) in zip(steps, run, strict=True):
        told = message["attention"]
        maps = average([shares[1:] for shares in seen.attention], bert_model.latent_shape[1:])[0]
        expected = torch.stack([maps[words.index(word)] for word in start["words"]])
        levels = np.concatenate([levels_of(levels) for levels in told["maps"]])
        found = torch.from_numpy(levels / 255 * told["peak"]).float().view_as(expected)
        torch.testing.assert_close(found, expected, atol=told["peak"] / 255, rtol=0)
        assert told["size"] == list(expected.shape[1:]) and levels.max() == 255
        assert told["shares"] == pytest.approx(expected.mean((1, 2)).tolist(), abs=1e-4)


@pytest.mark.parametrize("guidance", [4.0, 1.0])
def test_the_messages_say_how_strong_each_block_is_and_what_the_prompt_changes(
    bert_folder, bert_model, guidance
):
    studio = Studio(bert_folder, "cpu")
    studio.load()
    _, step, *_ = draw(studio, replace(ASKED, guidance=guidance))
    settings = Settings(n_steps=4, guidance=guidance)
    run = follow(bert_model.unet, generate(bert_model, ASKED.prompt, ASKED.seed, settings))
    _, seen = next(run)
    assert [row["name"] for row in step["blocks"]] == list(seen.blocks)
    for row, output in zip(step["blocks"], seen.blocks.values(), strict=True):
        assert row["shape"] == list(output.shape[1:])
        expected = {"strength": output[-1].square().mean(0).sqrt()}
        if guidance > 1:
            expected["change"] = (output[1] - output[0]).square().mean(0).sqrt()
            ratio = (output[1] - output[0]).norm() / output[1].norm()
            assert row["changed"] == pytest.approx(float(ratio), abs=1e-4)
        assert expected.keys() == row.keys() & {"strength", "change"}
        for kind, cells in expected.items():
            low, high = float(cells.min()), float(cells.max())
            found = low + levels_of(row[kind]).reshape(row["size"]) / 255 * (high - low)
            np.testing.assert_allclose(found, cells, atol=(high - low) / 255)


def test_a_saved_run_has_no_maps_for_no_network_runs(bert_folder, bert_model):
    studio = Studio(bert_folder, "cpu")
    studio.load()
    file = File(Trajectory.collect(bert_model, "a red house", 3, Settings(n_steps=2)))
    start, step, *_ = draw(studio, file.request(), file)
    assert start["words"] == [] and not {"attention", "blocks"} & step.keys()


def seen(page) -> list[tuple[str, str]]:
    """What the tiles say, and their pictures."""
    tiles = page.locator(TILES)
    pictures = tiles.locator("canvas").evaluate_all("all => all.map((one) => one.toDataURL())")
    return list(zip(tiles.all_inner_texts(), pictures, strict=True))


def test_each_word_has_a_map_that_follows_the_scrubber_and_asks_nobody(visit):
    visit.draw("a red house", steps=4)
    sent, last = len(visit.requests), seen(visit.page)
    assert [text.split()[0] for text, _ in last] == ["a", "red", "house"]
    assert all(text.endswith("%") for text, _ in last)
    assert len({picture for _, picture in last}) == 3
    visit.part("slider").fill("0")
    first = seen(visit.page)
    assert all(a != b for (_, a), (_, b) in zip(first, last, strict=True))
    visit.part("slider").fill("3")
    assert seen(visit.page) == last and len(visit.requests) == sent


def test_a_branch_shows_the_words_of_the_step_that_is_shown(visit):
    visit.draw("a red house", steps=4)
    visit.part("slider").fill("2")
    visit.page.get_by_label("Prompt", exact=True).fill("a boat")
    visit.part("branch").click()
    visit.wait("a boat", 4)
    words = {}
    for step in (0, 3):
        visit.part("slider").fill(str(step))
        words[step] = [text.split()[0] for text, _ in seen(visit.page)]
    assert words == {0: ["a", "red", "house"], 3: ["a", "boat"]}


def test_the_blocks_stand_in_a_u_and_follow_the_scrubber(visit):
    visit.draw("a red house", steps=4)
    tiles = visit.page.locator("[data-part=blocks] > div")
    names = tiles.locator(".word").all_text_contents()
    assert names[0] == "down 1" and "middle" in names and names[-1].startswith("up ")
    tops = [round(tile.bounding_box()["y"]) for tile in tiles.all()]
    middle = names.index("middle")
    assert tops == tops[::-1] and max(tops) == tops[middle] and min(tops) == tops[0]
    pictures = "all => all.map((one) => one.toDataURL())"
    last = tiles.locator("canvas").evaluate_all(pictures)
    visit.part("slider").fill("0")
    assert tiles.locator("canvas").evaluate_all(pictures) != last


def test_shapes_as_large_as_those_of_stable_diffusion_are_not_cut_off(visit):
    visit.draw("a red house", steps=2)
    shapes = visit.part("blocks").evaluate("""blocks => {
      while (blocks.children.length < 9) blocks.append(blocks.lastChild.cloneNode(true));
      const shapes = [...blocks.children].map((tile) => tile.children[1]);
      for (const shape of shapes) shape.textContent = shape.textContent.replace(/\\d+/g, "1280");
      return shapes.map((shape) => shape.textContent);
    }""")
    assert set(shapes) == {"1280 ×\u00a01280 ×\u00a01280"}
    for width in (390, 1280):
        visit.page.set_viewport_size({"width": width, "height": 844})
        spans = visit.part("blocks").locator("span")
        cut = "all => all.filter((one) => one.scrollWidth > one.clientWidth + 1).length"
        assert spans.evaluate_all(cut) == 0
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
