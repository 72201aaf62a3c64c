// Shared by all parts of the page: packed data, elements, formatting of figures.

const MEANINGS = {
  final_total: "what was minimised; comparable only at equal form, size, layers, network and weights",
  final_content: "final content term, unweighted",
  final_style: "final style term, unweighted",
  final_tv: "final total variation, unweighted",
  quality_ssim: "structural similarity of the result to its content: 1 is the same",
  quality_colour: "distance of the result's palette from the style's: 0 is the same, 1 has no colour in common",
  quality_gram: "distance of the result's texture (Gram matrices) from the style's: 0 is the same, 1 as far as none at all",
  seconds: "device time",
  falling: "share of its total by which the job fell over the last tenth of its steps",
};

const FIGURES = JSON.parse(document.getElementById("figures").textContent);

// In a comparison each figure has its value in the earlier run and its change; the rows are those of the later run.
const SIDE = "compared" in document.body.dataset ? " in B" : "";
const NAMES = {};
for (const [name, title] of Object.entries(FIGURES)) {
  Object.assign(NAMES, { [`before_${name}`]: `${title} in A`, [name]: title + SIDE, [`change_${name}`]: `${title}, change` });
  MEANINGS[`change_${name}`] = "from A to B, as a share of A; empty if the two are not comparable";
}

const isShare = (name) => name === "falling" || name.startsWith("change_");

const $ = (id) => document.getElementById(id);

// Reads the output of packing.py: compressed text in base64.
async function unpack(id) {
  const packed = Uint8Array.from(atob($(id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// Makes an element; texts become text nodes, never markup.
function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

function figure(value) {
  if (value == null) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3).replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(4)));
}

function written(name, value) {
  if (value == null) return "";
  if (!isShare(name)) return figure(value);
  const sign = name.startsWith("change_") && value > 0 ? "+" : "";
  return `${sign}${(100 * value).toFixed(1)} %`;
}

const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

// A control with its label; options are [value, text].
function choice(label, options, onchange, value) {
  const select = h("select", { onchange: (event) => onchange(event.target.value) });
  select.append(...options.map(([name, text]) => h("option", { value: name, selected: name === value }, text)));
  return labelled(label, select);
}

function labelled(label, control) {
  control.id = `control-${label.toLowerCase().replaceAll(" ", "-")}`;
  return h("div", { class: "control" }, h("label", { for: control.id }, label), control);
}
