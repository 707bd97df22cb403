// The diagram as the way about: its parts open pages, which the address can name: ?open=Noising.
// (`page` is taken: Gradio's own.)

const PAGE = "ldm-page"; // in the storage of this tab

const tabs = () => [...document.querySelectorAll("#pages [role=tab][data-tab-id]")];
const doors = [...element.querySelectorAll("[data-page]")];

function enter(title) {
  const tab = tabs().find((tab) => tab.textContent.trim() === title);
  if (tab) tab.click();
  return Boolean(tab);
}

// Marks where we are, also for a page that is loaded again.
function mark() {
  const here = tabs().find((tab) => tab.getAttribute("aria-selected") === "true");
  if (here) sessionStorage.setItem(PAGE, here.textContent.trim());
  for (const door of doors) {
    door.classList.toggle("here", Boolean(here) && door.dataset.page === here.textContent.trim());
  }
}

for (const door of doors) door.addEventListener("click", () => enter(door.dataset.page));

// The tabs are there a moment after the diagram.
function arrive() {
  const list = document.querySelector("#pages [role=tablist]");
  if (!list || !tabs().length) return requestAnimationFrame(arrive);
  new MutationObserver(mark).observe(list, { subtree: true, attributeFilter: ["aria-selected"] });
  const asked = new URLSearchParams(location.search);
  enter(asked.get("open") || (!asked.has("prompt") && sessionStorage.getItem(PAGE)));
  mark();
}
arrive();
