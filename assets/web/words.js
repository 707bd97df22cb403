// Help with the prompt: what the model was trained to draw. Suggestions while typing are found
// here; only when a prompt names nothing of it, or has words that were in no caption, the server is
// asked for the nearest things, and for what the model reads in those words' place.

const line = element.querySelector("p");
const field = () => document.querySelector("#ask input, #ask textarea");
const chosen = () => props.value || ""; // "": the first, until another is chosen
const MAX_WORDS = 6;
const MAX_STRANGE = 3; // words that are spoken of
let model = null; // the one that the names and words below are of
let names = null; // every name -> the thing's main name
let read = null; // every word of the captions
let typing = false; // until the prompt is asked for, or left
let timer = null;

async function learn() {
  const asked = chosen();
  if (model === asked) return;
  const { things, others } = (await server.vocabulary(asked)).data || { things: [], others: [] };
  model = asked;
  names = new Map();
  for (const { name, also } of things) {
    for (const word of [name, ...also]) names.set(word, names.get(word) || name);
  }
  read = new Set([...others, ...[...names.keys()].flatMap(words).map(({ word }) => word)]);
}

// The words of a text, in small letters, as ldm/vocabulary.py finds them too; each with where it
// begins and ends.
const words = (text) => [...text.matchAll(/[\p{L}\p{N}_'-]+/gu)].map(({ 0: word, index }) =>
  ({ word: word.toLowerCase(), index, end: index + word.length }));

// Forms under which a word may be listed: itself and what it could be the plural of.
const singular = (word) =>
  [word, word.replace(/s$/, ""), word.replace(/es$/, ""), word.replace(/ies$/, "y")];

// Whether the prompt names something: any run of up to four words that is a name.
function knows(prompt) {
  const its = words(prompt).map(({ word }) => word);
  return its.some((_, start) =>
    [1, 2, 3, 4].some((n) => {
      const head = its.slice(start, start + n - 1).join(" ");
      const last = its[start + n - 1];
      return last && singular(last).some((word) => names.has(`${head} ${word}`.trim()));
    }));
}

// The first words of the prompt that were in no caption, not even as plurals of some that were.
function strange(prompt) {
  const known = (word) => /^\p{N}+$/u.test(word) || singular(word).some((form) => read.has(form));
  return words(prompt).filter(({ word }) => !known(word)).slice(0, MAX_STRANGE);
}

// The last words of the prompt that begin a name, and the names they begin.
function complete(prompt) {
  const its = words(prompt);
  if (!its.length || /[\s,.]$/.test(prompt)) return null;
  for (let k = Math.max(0, its.length - 4); k < its.length; k++) {
    const begun = prompt.slice(its[k].index).toLowerCase();
    if (begun.length < 2) continue;
    const found = [...names.keys()].filter((name) => name.startsWith(begun) && name !== begun);
    found.sort((a, b) => a.length - b.length);
    if (found.length) return { at: its[k].index, found: found.slice(0, MAX_WORDS) };
    if (names.has(begun)) return null; // "a cat face" is complete: nothing that begins with "face"
  }
  return null;
}

function offer(text, found, take) {
  line.replaceChildren(text, ...found.map((name) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
    button.addEventListener("click", () => write(take(name)));
    return button;
  }));
}

function write(prompt) {
  const input = field();
  const kind = input instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(kind.prototype, "value").set.call(input, prompt);
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.focus();
}

async function help() {
  clearTimeout(timer);
  await learn();
  const prompt = field().value;
  const begun = typing && names.size && complete(prompt);
  if (begun) offer("", begun.found, (name) => `${prompt.slice(0, begun.at)}${name} `);
  else line.replaceChildren();
  if (!names.size || !prompt.trim()) return;
  const odd = strange(prompt);
  if (odd.length || !knows(prompt)) timer = setTimeout(near, 700, prompt, odd); // once nothing more is typed
}

// Says which words were in no caption, and offers what means most nearly what the first of them does;
// or, if the model knows nothing of the prompt and reads those words as no others, what all of it does.
async function near(prompt, odd) {
  const its = model;
  const ask = async (text) => (await server.meaning({ prompt: text, model: its })).data || { near: [] };
  const told = await Promise.all(odd.map(({ word }) => ask(word)));
  const some = told.length && (told.some(({ reading }) => reading) || knows(prompt));
  const found = some ? told[0].near : (await ask(prompt)).near;
  if (!found.length || field().value !== prompt || chosen() !== its) return;
  if (some) {
    const taken = ({ reading }) => (reading ? ` (taken for “${reading}”)` : "");
    const unread = odd.map(({ word }, k) => `“${word}”${taken(told[k])}`).join(", ");
    const to = odd.length > 1 ? ` to “${odd[0].word}”` : "";
    offer(`The model never read ${unread}. Nearest${to} that it knows: `, found,
      (name) => prompt.slice(0, odd[0].index) + name + prompt.slice(odd[0].end));
  } else {
    offer("The model does not know this well, if at all. Nearest that it does: ", found, (name) => name);
  }
}

document.addEventListener("input", (event) => {
  if (event.target !== field()) return;
  typing = true;
  help();
});

watch("value", help); // another model reads the same prompt otherwise

// Asked for, or left: completions are of no more use. The nearest things, which have words before
// them, stay.
function finish() {
  typing = false;
  if (!line.firstChild?.data) line.replaceChildren();
}

document.addEventListener("keydown", (event) => {
  if (event.target === field() && event.key === "Enter") finish();
});

document.addEventListener("click", (event) => {
  if (event.target.closest?.("#ask button")) finish();
});

document.addEventListener("focusout", (event) => { // not on the way to them: Tab passes the buttons
  const inside = (part) => part?.closest?.("#ask, #words");
  if (inside(event.target) && !inside(event.relatedTarget)) finish();
});

line.addEventListener("mousedown", (event) => event.preventDefault()); // the field is not left
