// A single chart: drawing, logarithmic or linear axis, enlarging.

let vega;

// The library is unpacked when the first chart is drawn.
function loadVega() {
  vega ??= new Promise((resolve) => {
    addEventListener("vega", resolve, { once: true });
    unpack("vega").then((text) => {
      const script = h("script", { type: "module" });
      script.textContent = text;
      document.body.append(script);
    });
  });
  return vega;
}

// One axis for all charts by step, logarithmic at first.
let axis = "log";
const charted = new Set();

function turnAxis() {
  axis = axis === "log" ? "linear" : "log";
  for (const chart of charted) {
    if (chart.node.isConnected) chart.draw();
    else charted.delete(chart);
  }
}

function onAxis(spec) {
  const linear = (y) => ({ ...y, scale: { nice: false, zero: false, padding: y.scale.padding }, axis: { ...y.axis, labelExpr: undefined, format: "~g" } });
  const turned = (key, value) => (key === "y" && value?.scale?.type === "log" ? linear(value) : value);
  return axis === "log" ? spec : JSON.parse(JSON.stringify(spec, turned));
}

async function embed(element, spec, datasets) {
  await loadVega();
  if (!element.isConnected) return null;
  const tooltip = (_, event, __, value) => (value ? showTip(event, Object.entries(value)) : hideTip());
  const { view } = await window.vegaEmbed(element, { ...onAxis(spec), datasets }, { actions: false, renderer: "svg", tooltip });
  return view;
}

// A chart: its node, and how it is drawn once the node is on the page. `tools` says whether it can be enlarged.
function chartOf(title, note, label, spec, datasets, tools = true) {
  const drawing = h("div"); // the library gives it its own role and label
  const data = datasets.curves ?? datasets.bands; // of a chart by step
  const turn = data && h("button", { type: "button", class: "plain", onclick: turnAxis }, "log/linear");
  const larger = tools && h("button", { type: "button", class: "plain", "aria-label": `enlarge ${title}`, onclick: () => enlarge(title, note, label, spec, datasets) }, "enlarge");
  const caption = h("figcaption", {}, h("span", {}, title, note ? h("small", {}, note) : ""), h("span", { class: "tools" }, turn || null, larger || null));
  const node = h("figure", {}, caption, h("div", { class: "chart", role: "img", "aria-label": label }, drawing));
  let view = null;
  const chart = { node, draw };
  async function draw() {
    view = await embed(drawing, spec, datasets);
    node.dataset.drawn = axis;
  }
  if (data) follow(drawing, () => view, title, data, tools);
  if (data) charted.add(chart);
  return chart;
}

// Over the whole window, where the wheel zooms and the pointer drags.
function enlarge(title, note, label, spec, datasets) {
  const encodings = datasets.curves || datasets.bands ? ["x", "y"] : ["x"];
  const zoom = { name: "zoom", select: { type: "interval", encodings }, bind: "scales" };
  const clipped = (part) => ({ ...part, mark: { ...part.mark, clip: true } });
  const withZoom = (part) => ({ ...clipped(part), params: [...(part.params ?? []), zoom] });
  const zoomed = spec.layer ? { ...spec, layer: [withZoom(spec.layer[0]), ...spec.layer.slice(1).map(clipped)] } : withZoom(spec);
  const chart = chartOf(title, note, label, { ...zoomed, height: Math.round(0.6 * innerHeight) }, datasets, false);
  const close = h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Close");
  const hint = h("p", { class: "quiet" }, "The wheel zooms, dragging moves.");
  const whole = h("button", { type: "button", onclick: () => chart.draw() }, "Show everything");
  const dialog = h("dialog", { "aria-label": `${title}, enlarged`, onclose: () => dialog.remove() }, h("div", { class: "dialog" }, h("div", { class: "dialog-head" }, hint, h("div", { class: "pager" }, whole, close)), chart.node));
  document.body.append(dialog);
  dialog.showModal();
  chart.draw();
}
