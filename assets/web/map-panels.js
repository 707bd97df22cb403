// The panels under the map, one at a time; and the start, after everything is defined.

const panels = { current: "near" };
const OPENS = { three: openThree, runs: openRuns, between: openBetween };

function openPanel(name) {
  const first = panels.current !== name;
  panels.current = name;
  for (const node of element.querySelectorAll("[data-panel]")) {
    const on = node.dataset.panel === name;
    if (node.getAttribute("role") === "tab") {
      node.setAttribute("aria-selected", on);
      node.tabIndex = on ? 0 : -1;
    } else node.hidden = !on;
  }
  if (first && OPENS[name] && atlas.n) {
    OPENS[name]();
    if (name !== "runs") delete OPENS[name]; // what was chosen there stays
  }
}

function openPanels() {
  drawClaims();
  const wanted = wantedPanel();
  panels.current = null; // a panel that was opened before there was a map is empty
  openPanel(wanted);
}

// The panel that the door of another page leads to.
const wantedPanel = () => (window.ldm && window.ldm.panel) || panels.current;

function drawClaims() {
  const { spaces } = atlas.about;
  const heads = { concept: "shows the same thing", category: "same category", style: "same style" };
  const names = Object.keys(heads).filter((name) => spaces.latent.claims[name]);
  const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
  const rows = Object.entries(SPACES).map(([space, word]) => [
    [word, false],
    ...names.map((name) => {
      const [share, chance] = spaces[space].claims[name] || [];
      return [chance === undefined ? "–" : `${percent(share)} (${percent(chance)})`, false];
    }),
  ]);
  parts.claims.replaceChildren(...table(["space", ...names.map((name) => heads[name])], rows));
}

const tabs = [...element.querySelectorAll("[role=tab]")];
tabs.forEach((tab, place) => {
  tab.addEventListener("click", () => openPanel(tab.dataset.panel));
  tab.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = tabs[(place + by + tabs.length) % tabs.length];
    next.focus();
    next.click();
  });
});
document.addEventListener("ldm:panel", () => atlas.n && openPanel(wantedPanel()));
drawLegend(parts.legend);
openPanel("near");
openMap();
