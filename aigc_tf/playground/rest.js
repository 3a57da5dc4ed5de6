// The model behind the page, by TensorFlow Serving's REST interface, and what its contract says of it.

export class Model {
  // What the server tells: `about` (see site.py) and the metadata of the model.
  static async open() {
    const about = await answerOf(await fetch("about.json"));
    const metadata = await answerOf(await fetch(`${about.path}/metadata`));
    return new Model(about, metadata.metadata.signature_def.signature_def);
  }

  constructor(about, found) {
    this.about = about;
    this.contract = about.contract;
    this.classNames = this.contract.class_names ?? [];
    this.signatures = {};
    for (const [name, promised] of Object.entries(this.contract.signatures)) {
      if (!found[name]) continue;
      const sides = ["inputs", "outputs"].map(side => [side, withShapes(promised[side], found[name][side])]);
      this.signatures[name] = {...promised, ...Object.fromEntries(sides)};
    }
  }

  // The name of the first signature of a purpose; nothing where there is none.
  named(purpose) {
    return Object.keys(this.signatures).find(name => this.signatures[name].purpose === purpose);
  }

  // The name of the first signature that gives files and takes all of `inputs`.
  filing(inputs) {
    const files = Object.keys(this.signatures).filter(name => this.signatures[name].purpose === "files");
    return files.find(name => inputs.every(input => input in this.signatures[name].inputs));
  }

  // What steers sampling beside seed and label, by name: inputs of signatures that give files.
  get controls() {
    const files = Object.values(this.signatures).filter(each => each.purpose === "files");
    const inputs = files.flatMap(each => Object.entries(each.inputs));
    return Object.fromEntries(inputs.filter(([name]) => name !== "seed" && name !== "label"));
  }

  get takesLabels() {
    return "label" in this.signatures.serving_default.inputs;
  }

  get numberOfClasses() {
    return this.takesLabels ? this.signatures.serving_default.inputs.label.maximum + 1 : 0;
  }

  // [height, width, channels].
  get shape() {
    return Object.values(this.signatures.sample.outputs)[0].row;
  }

  // The input of a signature that nothing stands in for: the vector of one that decodes, the image of one that encodes.
  given(name) {
    const inputs = Object.entries(this.signatures[name].inputs);
    return inputs.find(([key, each]) => each.default === undefined && key !== "seed" && key !== "mask")[0];
  }

  // The kind of file that a signature gives, such as "png"; nothing for one that gives numbers.
  kind(name) {
    return Object.values(this.signatures[name].outputs)[0].file;
  }

  // Columns of all inputs of a signature: those that are given, others at their defaults, for as many rows.
  columns(name, given) {
    const rows = Object.values(given)[0].length;
    const inputs = Object.entries(this.signatures[name].inputs);
    return Object.fromEntries(inputs.map(([key, each]) => [key, given[key] ?? Array(rows).fill(each.default)]));
  }

  // Columns of the outputs of a signature by name; files come as bytes.
  async predict(name, columns) {
    const asking = {method: "POST", headers: {"content-type": "application/json"}, body: bodyOf(name, columns)};
    const {outputs} = await answerOf(await fetch(`${this.about.path}:predict`, asking));
    const names = Object.keys(this.signatures[name].outputs);
    const columnsOf = names.length > 1 ? outputs : {[names[0]]: outputs};
    return Object.fromEntries(names.map(key => [key, columnsOf[key].map(asBytes)]));
  }

  // The command that asks the server the same: for a file (`toFile` is its name), or for numbers.
  curl(name, columns, toFile) {
    const server = this.about.server || location.origin;
    const command = `curl --silent '${server}${this.about.path}:predict'`;
    const end = toFile ? ` | ${this.about.toFile} > ${toFile}` : "";
    const body = bodyOf(name, columns);
    // No argument may be as long as a large picture in numbers.
    if (body.length < 50_000) return `${command} --data '${body}'${end}`;
    return `${command} --data-binary @- <<'END'${end}\n${body}\nEND`;
  }
}

// The JSON of an answer; an error says what the server said.
export async function answerOf(response) {
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `the server answered ${response.status}`);
  return answer;
}

function bodyOf(name, columns) {
  return JSON.stringify({signature_name: name, inputs: columns});
}

function asBytes(value) {
  return value?.b64 === undefined ? value : Uint8Array.from(atob(value.b64), each => each.charCodeAt(0));
}

// Contracts of before leave sizes open that the metadata know.
function withShapes(promised, found) {
  const entries = Object.entries(promised).map(([key, tensor]) => {
    const sizes = (found[key].tensor_shape.dim ?? []).slice(1).map(each => Number(each.size));
    return [key, {...tensor, row: sizes.map((size, place) => (tensor.row ?? [])[place] ?? size)}];
  });
  return Object.fromEntries(entries);
}
