// A canvas to draw on with mouse, finger, pen or keys, in the model's own pixels; and to mark a part of what it shows.

import {brush, levelsOf, numbersOf} from "./pictures.js";

const MARK = [255, 140, 0];

export class Drawing {
  // `pen()` tells how to draw: {marks, radius (pixels), colour ([red, green, blue], 0 to 255)}.
  constructor(canvas, shape, pen) {
    [this.canvas, this.shape, this.pen] = [canvas, shape, pen];
    [canvas.height, canvas.width] = shape;
    this.at = [Math.floor(shape[1] / 2), Math.floor(shape[0] / 2)];
    this.clear();
    canvas.addEventListener("pointerdown", event => this.#begin(event));
    canvas.addEventListener("pointermove", event => this.#go(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (this.last = null));
    canvas.addEventListener("keydown", event => this.#key(event));
    for (const change of ["focus", "blur"]) canvas.addEventListener(change, () => this.#show());
  }

  // Black for grey pictures, white for others, and nothing marked.
  clear() {
    const [height, width, channels] = this.shape;
    this.levels = new Uint8ClampedArray(height * width * channels).fill(channels === 1 ? 0 : 255);
    this.unmark();
  }

  unmark() {
    this.marked = new Uint8Array(this.shape[0] * this.shape[1]);
    this.#show();
  }

  // What another canvas of the same size shows, with nothing marked.
  take(canvas) {
    this.levels = levelsOf(canvas, this.shape[2]);
    this.unmark();
  }

  get numbers() {
    return numbersOf(this.levels, this.shape);
  }

  // [height][width][1], 1 in the marked part.
  get mask() {
    const [height, width] = this.shape;
    return numbersOf(this.marked.map(each => 255 * each), [height, width, 1]);
  }

  get isMarked() {
    return this.marked.includes(1);
  }

  #begin(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.#stroke(this.#place(event), this.#place(event));
  }

  #go(event) {
    if (!this.last) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) this.#stroke(this.last, this.#place(each));
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    const [height, width] = this.shape;
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
  }

  #key(event) {
    const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], " ": [0, 0]}[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const [height, width] = this.shape, from = this.at;
    this.at = [from[0] + step[0], from[1] + step[1]].map((each, axis) => Math.min([width, height][axis] - 1, Math.max(0, each)));
    const middle = place => place.map(each => each + 0.5);
    if (event.shiftKey || event.key === " ") this.#stroke(middle(from), middle(this.at));
    this.last = null;
    this.#show();
  }

  // Pixels are covered as far as they lie within the radius of the way from one place to the other.
  #stroke(from, to) {
    this.last = to;
    const [height, width, channels] = this.shape;
    const {marks, radius, colour} = this.pen();
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const covered = Math.min(1, Math.max(0, radius + 0.5 - away([x + 0.5, y + 0.5], from, to)));
        if (!covered) continue;
        const place = y * width + x;
        if (marks) this.marked[place] ||= Number(covered > 0.5);
        else for (let channel = 0; channel < channels; channel++) {
          const before = this.levels[place * channels + channel];
          this.levels[place * channels + channel] = before + covered * (colour[channel] - before);
        }
      }
    }
    this.#show();
  }

  #show() {
    const [height, width, channels] = this.shape;
    const image = new ImageData(width, height);
    const focused = document.activeElement === this.canvas && this.canvas.matches(":focus-visible");
    const cursor = this.at[1] * width + this.at[0];
    this.marked.forEach((marked, place) => {
      let pixel = [0, 1, 2].map(channel => this.levels[place * channels + (channels < 3 ? 0 : channel)]);
      if (marked) pixel = pixel.map((level, channel) => 0.4 * level + 0.6 * MARK[channel]);
      if (focused && place === cursor) pixel = pixel.map(level => (level + 128) % 256);
      image.data.set([...pixel, 255], 4 * place);
    });
    brush(this.canvas).putImageData(image, 0, 0);
  }
}

// How far a place is from the way between two others.
function away([x, y], [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const share = dx || dy ? Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy))) : 0;
  return Math.hypot(x - x0 - share * dx, y - y0 - share * dy);
}
