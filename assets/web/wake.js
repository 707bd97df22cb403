// Finding the runs again when the page was loaded anew, as phones do with a page that slept.

const SHOWN = "ldm-run"; // in the storage of this tab: the run that is shown, and those beside it

function remember() {
  const [{ run }, ...others] = compared().map(({ run }) => run);
  const shown = { run, stopped: stopped.has(run), others: others.map((other) => other.run) };
  if (server) sessionStorage.setItem(SHOWN, JSON.stringify(shown));
}

// Shows a run that the app still has, after the one that it branched from; false if it has not.
async function bring(run) {
  if (compared().some((other) => other.run.run === run)) return true;
  const messages = await ask("missed", { run, after: 0 });
  if (!messages || !messages.length) return false;
  const { branch } = messages[0];
  if (branch && !(await bring(branch.run))) return false;
  for (const message of messages) await accept(message);
  return true;
}

async function wake() {
  const known = JSON.parse((server && sessionStorage.getItem(SHOWN)) || "{}");
  const { run, others = [] } = known;
  for (const other of others) if (await bring(other)) keep();
  if (!run || !(await bring(run))) return;
  if (state.run.run !== run) show(compared().find((one) => one.run.run === run));
  if (!new URLSearchParams(location.search).has("prompt")) {
    trigger("input", { parameters: state.run.parameters }); // which fills the form in
  }
  if (isWhole() || state.run.ended) return;
  if (known.stopped) return stop();
  say("Going on …");
  trigger("resume", { run });
}
