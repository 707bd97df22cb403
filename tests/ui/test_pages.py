"""What the pages share: tabs, doors, and the run that they carry over."""

from ldm.ui.studio import Studio

KEPT = """() => {
  window.told = [];
  for (const kind of ["run", "step"]) {
    document.addEventListener(`ldm:${kind}`, (event) => {
      window.told.push([kind, event.detail.run.prompt, event.detail.index, event.detail.done]);
    });
  }
}"""


def test_the_run_and_the_step_shown_are_told_to_all_pages(visit):
    visit.page.evaluate(KEPT)
    visit.draw("a red apple", steps=3)
    visit.page.keyboard.press("Escape")
    visit.part("slider").focus()
    visit.page.keyboard.press("Home")
    told = visit.page.evaluate("window.told")
    assert ["run", "a red apple", 0, False] in told  # it begins
    assert ["run", "a red apple", 2, True] in told  # it is all there
    assert told[-1] == ["step", "a red apple", 0, True]
    now = visit.page.evaluate("window.ldm")
    assert (now["index"], now["t"]) == (0, now["run"]["timesteps"][0])
    assert visit.readout().startswith(f"step 1 of 3 · t {now['t']} ")


def test_the_address_opens_a_page_and_its_doors_are_marked(visit, app):
    for title in visit.page.locator("#pages [role=tab][data-tab-id]").all_text_contents():
        visit.page.goto(f"{app.url}?open={title.strip()}")
        tab = visit.page.get_by_role("tab", name=title.strip(), exact=True)
        visit.page.wait_for_function(
            "tab => tab.getAttribute('aria-selected') === 'true'", arg=tab.element_handle()
        )
        doors = visit.page.locator(f"[data-page='{title.strip()}']").all()
        assert doors and all("here" in door.get_attribute("class") for door in doors)


def test_a_page_that_is_loaded_again_is_where_it_was_unless_its_address_says_otherwise(visit, app):
    visit.page.locator(".diagram [data-page=Noising]").first.click()
    visit.page.wait_for_selector(".diagram [data-page=Noising].here")
    visit.page.reload()
    visit.page.wait_for_selector(".diagram [data-page=Noising].here")
    visit.page.goto(f"{app.url}?prompt=a+house")
    visit.page.wait_for_selector(".diagram [data-page=Generate].here")


def test_with_several_models_the_labs_name_the_one_that_answers(visit, app):
    for title in ("Noising", "Autoencoder"):
        visit.page.goto(f"{app.url}?open={title}")
        named = visit.page.locator(f"#{title.lower()} [data-part=model]")
        named.wait_for()
        assert named.text_content() == "Model: tiny-bert"


def test_the_only_model_is_not_named(bert_folder, clip_folder):
    assert Studio(bert_folder, "cpu").asked == ""
    assert Studio(bert_folder, "cpu", [clip_folder]).asked == "tiny-bert"


def test_a_door_opens_its_page(visit):
    for door in visit.page.locator(".diagram .wide [data-page]").all():
        door.click()
        open_ = visit.page.locator("#pages [role=tab][data-tab-id][aria-selected=true]")
        assert open_.text_content().strip() == door.get_attribute("data-page")
