"""Help with the prompt, in a browser: what the model was trained to draw."""

import json
import shutil

import pytest
from transformers import BertTokenizer

from ldm.training.readings import expanded
from ldm.vocabulary import Thing, Vocabulary


@pytest.fixture(scope="module")
def address(bert_folder, tmp_path_factory, serve):
    folder = tmp_path_factory.mktemp("checkpoint") / "worded"
    shutil.copytree(bert_folder, folder)
    things = Thing("red apple"), Thing("house", ("home",)), Thing("apple pie")
    Vocabulary(things, ("two", "three", "a", "b", "big", "beside")).save(folder)
    plain = BertTokenizer.from_pretrained(folder / "tokenizer")
    shutil.rmtree(folder / "tokenizer")
    expanded(plain, {"huts": "houses"}).save_pretrained(folder / "tokenizer")
    index = json.loads((folder / "model_index.json").read_text())
    index["tokenizer"][1] = "TokenizersBackend"
    (folder / "model_index.json").write_text(json.dumps(index))
    with serve(folder, tmp_path_factory.mktemp("words")) as app:
        yield app.url


@pytest.fixture
def prompt(address, browser):
    page = browser.new_page()
    page.goto(address)
    page.wait_for_selector("[data-part=slider]")
    yield page.get_by_label("Prompt", exact=True)
    page.close()


def offered(prompt, text: str) -> list[str]:
    """What the line offers, once it says something."""
    line = prompt.page.locator("#words p")
    prompt.page.wait_for_function(
        "text => document.querySelector('#words p').textContent.includes(text)", arg=text
    )
    return line.locator("button").all_text_contents()


def test_names_are_suggested_while_typing_and_finish_the_word(prompt):
    prompt.fill("two ho")
    assert offered(prompt, "house") == ["home", "house"]
    prompt.page.locator("#words button", has_text="house").click()
    assert prompt.input_value() == "two house "


def test_a_name_of_several_words_is_suggested_from_its_beginning(prompt):
    prompt.fill("a red ap")
    assert offered(prompt, "red apple") == ["red apple"]


def test_words_are_those_of_the_chosen_model(prompt):
    prompt.fill("a red ap")
    assert offered(prompt, "red apple") == ["red apple"]
    prompt.page.get_by_label("Model", exact=True).click()
    prompt.page.get_by_role("option", name="emoji").click()
    prompt.fill("a pengui")
    assert "penguin" in offered(prompt, "penguin")
    prompt.page.get_by_label("Model", exact=True).click()
    prompt.page.get_by_role("option", name="worded").click()
    prompt.fill("two ho")
    assert offered(prompt, "house") == ["home", "house"]


def test_what_is_said_of_a_prompt_is_said_anew_when_another_model_is_chosen(prompt):
    prompt.fill("a penguin")
    assert "apple pie" in offered(prompt, "does not know this well")
    prompt.page.get_by_label("Model", exact=True).click()
    prompt.page.get_by_role("option", name="emoji").click()
    prompt.page.wait_for_function("!document.querySelector('#words p').textContent")
    prompt.page.get_by_label("Model", exact=True).click()
    prompt.page.get_by_role("option", name="worded").click()
    assert "apple pie" in offered(prompt, "does not know this well")


def test_a_prompt_that_names_nothing_known_is_told_what_is_near(prompt):
    prompt.fill("zebra crossings")
    near = offered(prompt, "does not know this well")
    assert sorted(near) == ["apple pie", "house", "red apple"]


def test_a_word_that_was_in_no_caption_is_named_and_replaced_where_it_stands(prompt):
    prompt.fill("two zebras beside a House")
    near = offered(prompt, "never read “zebras”")
    assert sorted(near) == ["apple pie", "house", "red apple"]
    prompt.page.locator("#words button", has_text="apple pie").click()
    assert prompt.input_value() == "two apple pie beside a House"
    prompt.page.wait_for_timeout(1200)
    assert prompt.page.locator("#words p").text_content() == ""


@pytest.mark.parametrize("typed", ["two Huts beside a house", "two Huts"])
def test_a_word_that_is_read_as_another_says_so(prompt, typed):
    prompt.fill(typed)
    assert offered(prompt, "never read “huts” (taken for “houses”). Nearest that it knows: ")
    prompt.page.locator("#words button", has_text="house").click()
    assert prompt.input_value() == typed.replace("Huts", "house")


def test_all_words_that_were_in_no_caption_are_named_and_the_first_replaced(prompt):
    prompt.fill("two zebras beside huts")
    assert offered(
        prompt, "“zebras”, “huts” (taken for “houses”). Nearest to “zebras” that it knows: "
    )
    prompt.page.locator("#words button", has_text="house").click()
    assert prompt.input_value() == "two house beside huts"
    assert offered(prompt, "never read “huts” (taken for “houses”). Nearest that it knows: ")


def test_a_prompt_that_names_something_is_left_alone(prompt):
    prompt.fill("three red apples, <b>big</b>")
    prompt.page.wait_for_timeout(1200)
    assert prompt.page.locator("#words p").text_content() == ""


def test_a_name_that_is_complete_is_not_continued_from_its_last_word(prompt):
    prompt.fill("a red apple")  # not "apple pie"
    prompt.page.wait_for_timeout(1200)
    assert prompt.page.locator("#words p").text_content() == ""


@pytest.mark.parametrize("how", ["Enter", "Generate", "left"])
def test_completions_go_when_the_prompt_is_asked_for_or_left(prompt, how):
    prompt.fill("two ho")
    assert offered(prompt, "house")
    if how == "Enter":
        prompt.press("Enter")
    elif how == "Generate":
        prompt.page.get_by_role("button", name="Generate", exact=True).click()
    else:
        prompt.blur()
    assert prompt.page.locator("#words button").count() == 0


def test_completions_do_not_come_after_the_prompt_was_asked_for(prompt):
    prompt.fill("a house beside a red")  # the first time: the names are asked of the server
    prompt.press("Enter")
    prompt.page.wait_for_timeout(1500)
    assert prompt.page.locator("#words button").count() == 0


def test_completions_are_reached_with_the_keyboard(prompt):
    prompt.fill("two ho")
    assert offered(prompt, "house") == ["home", "house"]
    for _ in range(4):
        prompt.page.keyboard.press("Tab")
        if prompt.page.locator("#words button:focus").count():
            break
    prompt.page.keyboard.press("Enter")
    assert prompt.input_value() == "two home "
