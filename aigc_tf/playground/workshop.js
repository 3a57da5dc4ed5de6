// What is done with a drawing: reconstructed, encoded, searched for, or made anew in part.

import {Drawing} from "./drawing.js";
import {search} from "./latents.js";
import {distance, showFile, showNumbers} from "./pictures.js";

const at = id => document.getElementById(id);
const MOST_NUMBERS = 2e6;  // in one answer: servers refuse larger ones

// `page` is {asked, tell, show, find}: what is asked for there, and what it does with words, with a picture that the
// model made, and with a latent that was found.
export function openWorkshop(model, page) {
  const can = Object.fromEntries(["reconstruct", "encode", "decode", "inpaint"].map(each => [each, model.named(each)]));
  const does = {
    reconstruct: can.reconstruct && reconstruct,
    encode: can.encode && can.decode && encode,
    find: !can.encode && can.decode && find,
    inpaint: can.inpaint && inpaint,
  };
  if (!Object.values(does).some(Boolean)) return;
  const [height, width, channels] = model.shape;
  furnish();
  const drawing = new Drawing(at("drawing"), model.shape, pen);
  let searching = false;
  if (can.inpaint) drawing.take(at("picture"));

  function furnish() {
    at("of-drawing").hidden = false;
    at("of-marking").hidden = at("unmark").hidden = !can.inpaint;
    at("marks").checked = Boolean(can.inpaint);
    at("drawing-title").textContent = can.inpaint ? "Draw, and make a part anew" : "Draw";
    at("of-brightness").hidden = channels > 1;
    at("of-colour").hidden = channels === 1;
    at("width").value = Math.max(width, height) / 28;
    at("find-help").hidden = !does.find;
    for (const [id, work] of Object.entries(does)) {
      at(id).hidden = !work;
      at(id).onclick = () => work().catch(error => page.tell(error.message, true));
    }
    at("take").onclick = () => drawing.take(at("picture"));
    at("clear").onclick = () => drawing.clear();
    at("unmark").onclick = () => drawing.unmark();
  }

  function pen() {
    const brightness = Number(at("brightness").value);
    const colour = [1, 3, 5].map(place => parseInt(at("colour").value.slice(place, place + 2), 16));
    const marks = Boolean(can.inpaint) && at("marks").checked;
    return {marks, radius: Number(at("width").value), colour: channels === 1 ? [brightness] : [...colour, 255]};
  }

  // Columns of a signature that takes content, with the drawing as that.
  function columnsWith(name, others = {}) {
    return model.columns(name, {label: [page.asked.label], ...others, [model.given(name)]: [drawing.numbers]});
  }

  function showMade(numbers, words) {
    at("made").hidden = false;
    showNumbers(at("made-picture"), numbers);
    at("made-caption").textContent = `${words}; mean squared difference ${distance(numbers, drawing.numbers).toFixed(4)}`;
  }

  async function reconstruct() {
    const answer = await model.predict(can.reconstruct, columnsWith(can.reconstruct));
    showMade(Object.values(answer)[0][0], "Reconstructed");
    page.tell("Reconstructed your drawing");
  }

  async function encode() {
    const answer = await model.predict(can.encode, columnsWith(can.encode));
    const vector = (answer[model.given(can.decode)] ?? Object.values(answer)[0])[0];
    await found(vector, page.asked.label, "Encoded and decoded");
  }

  async function found(vector, label, words) {
    const given = {[model.given(can.decode)]: [vector], label: [label]};
    const [numbers] = Object.values(await model.predict(can.decode, model.columns(can.decode, given)))[0];
    showMade(numbers, words);
    await page.find({vector, label, words: "the latent of your drawing"});
    page.tell(`${words}: ${at("made-caption").textContent.split("; ")[1]}`);
  }

  async function find() {
    if (searching) return void (searching = false);
    searching = true;
    at("find").textContent = "Stop";
    at("progress").hidden = false;
    try {
      const wanted = drawing.numbers, label = page.asked.label;
      const all = Array.from({length: model.numberOfClasses}, (_, each) => each);
      const distances = async (vectors, labels) => {
        const found = [], atOnce = Math.max(1, Math.floor(MOST_NUMBERS / wanted.flat(2).length));
        for (let from = 0; from < vectors.length; from += atOnce) {
          const part = each => each.slice(from, from + atOnce);
          const given = {[model.given(can.decode)]: part(vectors), ...(labels && {label: part(labels)})};
          const answer = await model.predict(can.decode, model.columns(can.decode, given));
          found.push(...Object.values(answer)[0].map(numbers => distance(numbers, wanted)));
        }
        return found;
      };
      const size = model.signatures[can.decode].inputs[model.given(can.decode)].row[0];
      const best = await search(distances, size, model.takesLabels ? (label < 0 ? all : [label]) : null, (share, {distance}) => {
        at("progress").value = share;
        page.tell(`Searching: ${Math.round(100 * share)} %, mean squared difference ${distance.toFixed(4)}`);
        return searching;
      });
      await found(best.vector, best.label, "The nearest that was found");
    } finally {
      searching = false;
      at("find").textContent = "Find its latent";
      at("progress").hidden = true;
    }
  }

  async function inpaint() {
    if (!drawing.isMarked) return page.tell("Mark first what is to be made anew", true);
    const name = can.inpaint, {seed, label} = page.asked;
    const columns = columnsWith(name, {seed: [seed], mask: [drawing.mask]});
    const [bytes] = Object.values(await model.predict(name, columns))[0];
    await showFile(at("made-picture"), bytes, model.kind(name));
    at("made").hidden = false;
    const named = label < 0 ? "" : ` · class ${model.classNames[label] ?? label}`;
    at("made-caption").textContent = "The marked part made anew";
    await page.show({name, columns, bytes, caption: `made anew in part, by seed ${seed}${model.takesLabels ? named : ""}`});
    page.tell("Made the marked part anew; another seed makes another");
  }
}
