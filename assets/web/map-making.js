// Making the map of a model that has none, of the pictures of the one that is shown.

const EVERY = 700; // milliseconds between two looks at how far it is
const INVITATION =
  "Up to 1,500 of these small pictures (64 px) are read by this model, in slices, so that others get " +
  "their turns: about two minutes, longer with a slow model. Then comes PCA, with which it can be " +
  "opened, then UMAP.";
const spell = (x) => x.toLocaleString("en");

// Says what this map is good for; error: why nothing new can be placed on it.
function offerMap(error) {
  const { about, drawings, n } = atlas, whole = drawings.includes("umap2");
  parts.stale.hidden = !error;
  parts.model.textContent = props.model && !error ? `Model: ${props.model}` : "";
  parts.stale.textContent =
    error && `${error} What is here can be looked at; nothing new can be placed on it or decoded from it.`;
  parts.origin.hidden = !about.from;
  parts.origin.textContent = about.from
    ? `Made here, of ${spell(n)} of the ${spell(about.from)} small pictures of the map that ` +
      "came with the app (64 px: less sharp than what the model is used to). Kept until the app ends."
    : "";
  for (const option of parts.drawing.options) option.disabled = !drawings.includes(option.value);
  parts.making.hidden = !error && whole;
  if (!parts.making.hidden) watchMaking();
}

async function watchMaking() {
  const { data } = await call("made");
  if (!data) return setTimeout(watchMaking, 4 * EVERY);
  tellMaking(data);
  if (data.busy) setTimeout(watchMaking, EVERY);
}

function tellMaking({ doing, done, of, busy, made, umap, error }) {
  const { about, drawings } = atlas;
  parts.bar.hidden = parts.halt.hidden = !busy;
  parts.bar.value = of ? done / of : 0;
  parts.make.hidden = busy || Boolean(umap);
  parts.reopen.hidden = !made || Boolean(about.from && !(umap && !drawings.includes("umap2")));
  parts.doing.textContent =
    error || (doing ? `${doing}${of ? `, ${spell(done)} of ${spell(of)}` : ""}` : INVITATION);
}

parts.make.addEventListener("click", async () => {
  parts.make.hidden = true;
  await call("make");
  watchMaking();
});
parts.halt.addEventListener("click", () => {
  parts.doing.textContent = "Stopping …";
  call("halt");
});
parts.reopen.addEventListener("click", () => {
  const address = new URL(location);
  address.searchParams.set("open", "Map");
  location.assign(address);
});
