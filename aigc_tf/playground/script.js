// The page: what is asked for, the picture of it, and what can be done with that.

import {between, moved} from "./latents.js";
import {showFile, showNumbers} from "./pictures.js";
import {Model, answerOf} from "./rest.js";
import {openWorkshop} from "./workshop.js";

const MOST = Number.MAX_SAFE_INTEGER, IN_STRIP = 8, SWIPE = 40, PLAY_MILLISECONDS = 4000;
const at = id => document.getElementById(id);

// What is wanted. A label of -1 leaves the class to the model. `found` is a latent that is not the seed's: {vector,
// label, words}; `along` says how far to go in each direction.
const asked = {seed: 0, label: -1, controls: {}, other: 100, share: 0, along: [], found: null};
let model, directions = [], shown = null, inStrip = "", ratings = 0;
const drawnBefore = new Map();

function tell(words, isError = false) {
  at("message").textContent = words;
  at("message").classList.toggle("error", isError);
}

// Runs `work` again and again while it is asked for meanwhile, never twice at once: only the latest wish counts.
function latest(work) {
  let running = false, again = false;
  return async () => {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      await work().catch(error => tell(error.message, true));
    }
    running = false;
  };
}

const refresh = latest(async () => {
  const isOfSeed = !asked.found && !asked.share && !asked.along.some(Boolean);
  await show(isOfSeed ? await filed() : await decoded());
  at("reset").hidden = isOfSeed;
  tell("");
  refreshStrip();
});

// The file of the seed.
async function filed() {
  const name = signature(), columns = model.columns(name, ofSeeds([asked.seed]));
  const [bytes] = Object.values(await model.predict(name, columns))[0];
  const controls = changed().map(([key, value]) => `${key} ${value}`);
  return {name, columns, bytes, caption: [`seed ${asked.seed}`, ...className(asked.label), ...controls].join(" · ")};
}

// What is decoded of the latent, which may be on the way to another one, and moved. Between two classes it has shares
// of both where the model can do that, else the nearer one.
async function decoded() {
  let name = model.named("decode"), {vector, label} = asked.found ?? (await drawn(asked.seed));
  const key = model.given(name), given = {};
  const words = [asked.found?.words ?? `seed ${asked.seed}`], classes = [label];
  if (asked.share) {
    const to = await drawn(asked.other);
    vector = between(vector, to.vector, asked.share);
    words.push(`${Math.round(100 * asked.share)} % of the way to seed ${asked.other}`);
    if (to.label !== label && model.named("morph")) {
      name = model.named("morph");
      Object.assign(given, {toward: [to.label], share: [asked.share]});
      classes.push(to.label);
    } else if (asked.share >= 0.5) classes[0] = label = to.label;
  }
  vector = moved(vector, directions, asked.along).map(number => Number(number.toFixed(5)));
  asked.along.forEach((step, which) => step && words.push(`${step > 0 ? "+" : ""}${step} in direction ${which + 1}`));
  if (model.takesLabels) given.label = [label];
  const columns = model.columns(name, {[key]: [vector], ...given});
  const [numbers] = Object.values(await model.predict(name, columns))[0];
  return {name, columns, numbers, caption: [...words, ...(model.takesLabels ? [classes.flatMap(className).join(" to ")] : [])].join(" · ")};
}

// The latent of a seed, and the class that its sample has.
async function drawn(seed) {
  const key = `${seed} ${asked.label}`;
  if (!drawnBefore.has(key)) {
    const name = model.named("draw"), decode = model.named("decode");
    const answer = await model.predict(name, model.columns(name, {seed: [seed], label: [asked.label]}));
    drawnBefore.set(key, {vector: answer[model.given(decode)][0], label: answer.label?.[0] ?? null});
  }
  return drawnBefore.get(key);
}

// Show a picture that the model made, {name, columns, caption} with `bytes` of a file or `numbers`.
async function show(made) {
  if (made.bytes) await showFile(at("picture"), made.bytes, model.kind(made.name));
  else showNumbers(at("picture"), made.numbers);
  shown = made;
  at("picture").setAttribute("aria-label", made.caption);
  at("caption").textContent = made.caption + (made.bytes ? "" : " · numbers, no file");
  for (const id of ["save", "good", "bad"]) at(id).disabled = !made.bytes;
  at("curl").textContent = model.curl(made.name, made.columns, made.bytes && fileName());
}

const refreshStrip = latest(async () => {
  const first = Math.min(asked.seed - (asked.seed % IN_STRIP), MOST - IN_STRIP + 1);
  const seeds = Array.from({length: IN_STRIP}, (_, place) => first + place);
  const name = signature(), columns = model.columns(name, ofSeeds(seeds));
  const buttons = [...at("strip").children];
  const wanted = JSON.stringify([name, columns]);
  if (wanted !== inStrip) {
    const [files] = Object.values(await model.predict(name, columns));
    for (const [place, button] of buttons.entries()) {
      await showFile(button.firstChild, files[place], model.kind(name));
      button.lastChild.textContent = seeds[place];
      button.setAttribute("aria-label", `Seed ${seeds[place]}`);
      button.onclick = () => go(seeds[place]);
    }
    inStrip = wanted;
  }
  buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(seeds[place] === asked.seed)));
});

const changed = () => Object.entries(asked.controls).filter(([name, value]) => value !== model.controls[name].default);
const signature = () => model.filing(["seed", ...changed().map(([name]) => name)]);

function ofSeeds(seeds) {
  const others = [...changed(), ["label", asked.label]];
  return {seed: seeds, ...Object.fromEntries(others.map(([name, value]) => [name, seeds.map(() => value)]))};
}

function className(label) {
  if (!model.takesLabels) return [];
  return [label < 0 ? "any class" : `class ${model.classNames[label] ?? label}`];
}

function fileName() {
  const {seed, label} = shown.columns;
  const parts = [model.about.model, ...(seed ?? []), ...(label?.[0] >= 0 ? [model.classNames[label[0]] ?? label[0]] : [])];
  return `${parts.join("-").replace(/[^\w.-]+/g, "_")}.${model.kind(shown.name)}`;
}

function go(seed) {
  asked.seed = Math.min(MOST, Math.max(0, seed));
  asked.found = null;
  at("seed").value = asked.seed;
  refresh();
}

function backToSeed() {
  if (playing) play();
  Object.assign(asked, {share: 0, found: null, along: directions.map(() => 0)});
  for (const slider of document.querySelectorAll("#share, #directions input")) told(slider, 0);
  refresh();
}

function told(slider, value) {
  slider.value = value;
  const output = slider.parentElement.querySelector("output");
  output.textContent = slider.id === "share" ? `${Math.round(100 * value)} %` : value;
}

async function rate(rating) {
  const {seed, label, ...others} = shown.columns;
  const settings = Object.entries(others).filter(([, column]) => typeof column[0] === "number");
  const body = JSON.stringify({
    signature: shown.name, seed: seed[0], label: label?.[0] >= 0 ? label[0] : null, rating, sha256: await hash(shown.bytes),
    settings: Object.fromEntries(settings.map(([name, column]) => [name, column[0]])),
  });
  await answerOf(await fetch("ratings", {method: "POST", headers: {"content-type": "application/json"}, body}));
  ratings += 1;
  tell(`${rating > 0 ? "Good" : "Bad"}: ${shown.caption}. ${ratings} rated, kept in ${model.about.ratings}`);
}

async function hash(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, each => each.toString(16).padStart(2, "0")).join("");
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([shown.bytes], {type: `image/${model.kind(shown.name)}`}));
  link.download = fileName();
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  tell(`Saved ${link.download}, as the model made it`);
}

async function copy() {
  await navigator.clipboard.writeText(at("curl").textContent);
  tell("Copied the command that makes it");
}

let playing = 0;
function play() {
  cancelAnimationFrame(playing);
  at("play").textContent = playing ? "Play" : "Stop";
  if (playing) return void (playing = 0);
  const begun = performance.now();
  const step = now => {
    asked.share = Math.min(1, (now - begun) / PLAY_MILLISECONDS);
    told(at("share"), asked.share);
    refresh();
    if (asked.share < 1) playing = requestAnimationFrame(step);
    else play();
  };
  playing = requestAnimationFrame(step);
}

function slider(label, bounds, value, use) {
  const holder = document.createElement("label"), input = document.createElement("input");
  holder.className = "slider";
  holder.append(`${label} `, document.createElement("output"), input);
  Object.assign(input, {type: "range", ...bounds, oninput: () => (told(input, Number(input.value)), use(Number(input.value)))});
  told(input, value);
  return holder;
}

// Of a hash the first digits are enough for an eye.
const shortened = words => words.replace(/([0-9a-f]{12})[0-9a-f]{52}/, "$1…");

// Buttons and fields

const does = {
  previous: () => go(asked.seed - 1), next: () => go(asked.seed + 1), reset: backToSeed, play, save, copy,
  random: () => go(Math.floor(Math.random() * 1e9)), good: () => rate(1), bad: () => rate(-1),
};
const KEYS = {p: "previous", n: "next", r: "random", u: "good", d: "bad", s: "save", c: "copy"};

function press(id) {
  const button = at(id);
  if (!button.disabled && !button.hidden) Promise.resolve(does[id]()).catch(error => tell(error.message, true));
}

function listen() {
  for (const id of Object.keys(does)) at(id).onclick = () => press(id);
  for (const id of ["seed", "other"]) {
    at(id).oninput = event => {
      if (!event.target.checkValidity()) return;
      if (id === "seed") return go(Number(event.target.value));
      asked.other = Number(event.target.value);
      refresh();
    };
  }
  at("class").onchange = event => {
    Object.assign(asked, {label: Number(event.target.value), found: null});
    refresh();
  };
  at("share").oninput = event => {
    asked.share = Number(event.target.value);
    told(event.target, asked.share);
    refresh();
  };
  document.addEventListener("keydown", event => {
    const typing = event.target.closest("[type=number], select, [role=application]");
    if (typing || !at("keys").checked || event.ctrlKey || event.altKey || event.metaKey || !KEYS[event.key]) return;
    press(KEYS[event.key]);
  });
  let from = null;
  at("picture").addEventListener("pointerdown", event => (from = event.clientX));
  at("picture").addEventListener("pointerup", event => {
    const way = from === null ? 0 : event.clientX - from;
    if (Math.abs(way) > SWIPE) go(asked.seed - Math.sign(way));
    from = null;
  });
  at("picture").addEventListener("pointercancel", () => (from = null));
}

// What the model can, and nothing else, is on the page.
function furnish() {
  const {about, contract} = model, [height, width, channels] = model.shape;
  document.title = `${about.model} · Playground`;
  at("model").textContent = about.model;
  at("facts").textContent = [
    `version ${about.version}`, about.server || "on this machine",
    `${width} by ${height} pixels, ${channels === 1 ? "grey" : "in colour"}`, shortened(contract.origin ?? ""),
  ].filter(Boolean).join(" · ");
  for (const id of ["good", "bad"]) at(id).hidden = !about.ratings;
  at("of-class").hidden = !model.takesLabels;
  for (let label = -1; label < model.numberOfClasses; label++) {
    at("class").add(new Option(label < 0 ? "any" : model.classNames[label] ?? label, label));
  }
  for (const [name, each] of Object.entries(model.controls)) {
    asked.controls[name] = each.default;
    const bounds = {min: each.minimum, max: each.maximum, step: (each.maximum - each.minimum) / 100};
    at("controls").append(slider(name[0].toUpperCase() + name.slice(1), bounds, each.default, value => {
      asked.controls[name] = value;
      backToSeed();
    }));
  }
  for (let place = 0; place < IN_STRIP; place++) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(document.createElement("canvas"), document.createElement("span"));
    at("strip").append(button);
  }
  const decode = model.named("decode");
  at("of-morph").hidden = !decode || !model.named("draw");
  directions = (!at("of-morph").hidden && model.signatures[decode].directions) || [];
  asked.along = directions.map(() => 0);
  at("of-directions").hidden = !directions.length;
  directions.forEach((_, which) => {
    at("directions").append(slider(`Direction ${which + 1}`, {min: -3, max: 3, step: 0.1}, 0, value => {
      asked.along[which] = value;
      refresh();
    }));
  });
}

try {
  model = await Model.open();
  furnish();
  listen();
  await refresh();
  openWorkshop(model, {
    asked, tell, show,
    find: async found => {
      Object.assign(asked, {found, share: 0});
      told(at("share"), 0);
      await refresh();
    },
  });
} catch (error) {
  tell(error.message, true);
}
