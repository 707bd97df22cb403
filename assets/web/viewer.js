// Shows one run, step by step. Every frame stays here, so scrubbing asks nobody.
// This file starts what the others define; together they run as one function. Given to it:
// element, props (props.value is the newest message) and watch; server and trigger, which a page
// that replays offline does not have.
// What people typed is only ever written through textContent.

// In a narrow window the settings stand below, so that the picture is seen first. They are moved,
// since the keyboard and screen readers would not follow an order that is one of style.
const narrow = matchMedia("(max-width: 1000px)");
function placeSettings() {
  const settings = document.querySelector("#settings"); // comes a moment after the viewer
  if (!settings) return requestAnimationFrame(placeSettings);
  document.querySelector("#viewer")[narrow.matches ? "after" : "before"](settings);
}
if (server) {
  narrow.addEventListener("change", placeSettings);
  placeSettings();
}

new ResizeObserver(() => (drawFilm(), draw())).observe(parts.strip);
watch("value", () => receive(props.value));
drawLegend(parts.legend);
drawLegend(parts.guide_legend);
for (const node of element.querySelectorAll(".online")) node.hidden = !server;
enable(false);
receive(props.value);
inbox = inbox.then(wake).catch(console.error);
