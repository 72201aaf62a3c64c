// The charts: bands of losses by step and final losses, for a set of comparable jobs and its parts.

const COLOURS = ["#3b7dd8", "#d9822b", "#2f9e78", "#c2477f", "#8a63d2", "#a98a1f", "#4f93a5", "#8c6d5a"];
const LINES_AT_FIRST = 40;
const BANDS = 3; // parts: more bands than that hide each other
const BAR = 20; // pixels
const FEW = 20; // jobs: fewer make no histogram

// A logarithmic axis cannot show missing or non-positive values: the line skips them.
function points(steps, losses = []) {
  return steps.flatMap((step, place) => (losses[place] == null ? [] : [{ step, value: losses[place] }]));
}

function bandRows(bands, more = {}) {
  const rows = bands.step.map((_, place) =>
    Object.fromEntries(Object.keys(bands).map((name) => [name, bands[name][place]])),
  );
  return rows.map((row) => ({ ...row, ...more }));
}

function Losses({ sets, charts }, jobs) {
  const state = { set: 0, split: "" };

  function start() {
    state.split = usual(sets[0]);
    show();
  }

  function usual({ lines, splits }) {
    if (splits.run) return "run"; // two runs compared
    return lines && lines.lines.length <= LINES_AT_FIRST ? "each" : "";
  }

  function show() {
    const set = sets[state.set];
    $("losses-controls").replaceChildren(...controls(set));
    $("losses-legend").replaceChildren(...legend(set));
    $("sizes-note").hidden = set.sizes.length === 0;
    fill($("by-step"), Object.keys(set.bands).map((term) => byStep(set, term)));
    const isSplit = !["", "each"].includes(state.split);
    const names = isSplit || set.jobs >= FEW ? Object.keys(set.histograms) : [];
    const ends = names.map((name) => atTheEnd(set, name)).filter((chart) => chart);
    fill($("at-the-end"), ends);
    $("finals-title").hidden = ends.length === 0;
  }

  function fill(place, charts) {
    place.replaceChildren(...charts.map((chart) => chart.node));
    for (const chart of charts) chart.draw();
  }

  function controls(set) {
    const titles = sets.map(({ title, jobs }, place) => [String(place), `${title} (${plural(jobs, "job")})`]);
    const splits = Object.entries(set.splits).map(([name, { values }]) => [name, `by ${name} (${values} values)`]);
    const ways = [...(set.lines ? [["each", "each job"]] : []), ["", "all jobs"], ...splits];
    const choose = (place) => Object.assign(state, { set: Number(place), split: usual(sets[place]) });
    return [
      sets.length > 1
        ? choice("Comparable jobs", titles, (place) => refocus(() => choose(place), 0), String(state.set))
        : h("p", { class: "control" }, h("span", {}, "Comparable jobs"), h("b", {}, titles[0][1])),
      ...(ways.length > 1
        ? [choice("Show", ways, (way) => refocus(() => Object.assign(state, { split: way }), -1), state.split)]
        : []),
    ];
  }

  // The controls are made again: keep the keyboard focus.
  function refocus(change, place) {
    change();
    show();
    [...$("losses-controls").querySelectorAll("select")].at(place)?.focus();
  }

  function parts(set) {
    const drawn = set.splits[state.split].parts.filter(({ bands }) => bands);
    return drawn.map((part, place) => ({ ...part, colour: COLOURS[place % COLOURS.length], shade: drawn.length > BANDS ? 0 : 0.16 }));
  }

  function legend(set) {
    if (state.split === "each") {
      const { title, colours } = set.lines.legend;
      return [list(title, Object.entries(colours), set.lines.lines.some(({ dashed }) => dashed) ? "dashed: failed" : "")];
    }
    if (state.split === "") return [list("", [], "median, 25-75 % and 10-90 % of the jobs")];
    const drawn = parts(set);
    const all = set.splits[state.split].values;
    const note = (drawn.length > BANDS ? "median of the jobs" : "median and 25-75 % of the jobs") + (all > drawn.length ? `; the ${drawn.length} values with most jobs` : "");
    return [list(state.split, drawn.map(({ value, colour, jobs }) => [`${value} (${jobs.toLocaleString("en")})`, colour]), note)];
  }

  function list(title, colours, note) {
    const items = colours.filter(([name]) => name).map(([name, colour]) => h("li", {}, h("i", { style: `background:${colour}` }), name));
    const ends = note ? [h("li", { class: "quiet" }, note)] : [];
    return h("ul", { class: "legend" }, ...(title ? [h("li", { class: "quiet" }, title)] : []), ...items, ...ends);
  }

  function byStep(set, term) {
    const { step, p50 } = set.bands[term];
    const last = p50.at(-1);
    const said = `${term} loss by step, ${plural(set.jobs, "job")}: the median goes from ${figure(p50[0])} to ${figure(last)} in ${step.at(-1)} steps`;
    const note = `median ${figure(last)} at the end`;
    const sizes = sizesOf(set.sizes, step.at(-1));
    const drawn = (note, said, spec, rows) => chartOf(term, note, said + begun(sizes), marked(spec, sizes), { ...rows, sizes });
    if (state.split === "each") return drawn("", said, charts.lines, { curves: lineRows(set, term) });
    if (state.split === "") return drawn(note, said, charts.bands, { bands: bandRows(set.bands[term]) });
    const rows = parts(set).flatMap(({ value, colour, shade, bands }) => bandRows(bands[term], { value, colour, shade }));
    return drawn("", `${said}; by ${state.split}`, charts.split, { bands: rows });
  }

  // A single diverged job would flatten all others: values far above them leave the chart.
  function lineRows(set, term) {
    const rows = set.lines.lines.flatMap((line) => {
      const curve = jobs[line.job]?.curve;
      return curve ? points(curve.step, curve.values[term]).map((point) => ({ ...line, ...point })) : [];
    });
    const sound = rows.filter(({ dashed }) => !dashed).map(({ value }) => value);
    const [low, high] = sound.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, 0]);
    return rows.filter(({ value }) => value >= low / 1.5 && value <= high * 1.5);
  }

  function atTheEnd(set, name) {
    const kind = name.startsWith("quality") ? "-linear" : "";
    const title = FIGURES[name];
    if (state.split === "" || state.split === "each") {
      const { edges, counts } = set.histograms[name];
      if (counts.length === 0) return null;
      const bins = counts.map((jobs, place) => ({ low: edges[place], high: edges[place + 1], jobs }));
      const said = `how many of ${plural(set.jobs, "job")} ended with which ${title}: from ${figure(edges[0])} to ${figure(edges.at(-1))}`;
      return chartOf(title, "jobs", said, charts[`histogram${kind}`], { bins });
    }
    const ranges = set.splits[state.split].parts.flatMap(({ value, jobs, finals }) => {
      const five = finals[name];
      return five ? [{ value, jobs, p10: five[0], p25: five[1], p50: five[2], p75: five[3], p90: five[4] }] : [];
    });
    const said = `${title} at the end by ${state.split}: ` + ranges.map(({ value, p50 }) => `${value} ${figure(p50)}`).join(", ");
    return chartOf(title, "median, 10-90 %", said, { ...charts[`ranges${kind}`], height: BAR * ranges.length }, { ranges });
  }

  return { start };
}

const ROOM = 0.12; // of a chart's width: the name of a size takes it

// The steps at which sizes begin, up to a last step: losses jump there. If two are close together, the later one is named.
function sizesOf(begins, last) {
  const found = [...Map.groupBy(begins, ([step]) => step)];
  const next = (place) => found[place + 1]?.[0] ?? Infinity;
  const name = (sizes) => `${sizes.map(([, px]) => px).join(", ")} px`;
  return found.map(([step, sizes], place) => ({ step, px: name(sizes), label: next(place) - step < ROOM * last ? "" : name(sizes) }));
}

const begun = (sizes) => (sizes.length ? `; sizes: ${sizes.map(({ step, px }) => `${px} from step ${step}`).join(", ")}` : "");

// A chart without the layers for sizes if there are none.
const marked = (spec, sizes) => (sizes.length ? spec : { ...spec, layer: spec.layer.filter(({ data }) => data?.name !== "sizes") });

// The charts of one job: its weighted terms, which show what dominates the total, and the layers of each.
function curveCharts(rows, place) {
  const { jobs, charts } = rows.jobs;
  const { curve, label } = jobs[rows.data.job_id[place]] ?? {};
  if (!curve) return [];
  const sizes = sizesOf(curve.sizes, curve.step.at(-1));
  const note = sizes.length ? "losses jump where the next size begins" : "";
  const weight = (name) => (name === "total" ? 1 : Number(rows.settings[`${name}_weight`].word(place)));
  return Object.entries(charts).flatMap(([part, spec]) => {
    const [prefix, factor] = part === "terms" ? ["", weight] : [`${part}_`, () => 1];
    const names = Object.keys(curve.values).filter((name) => (prefix ? name.startsWith(prefix) : !name.includes("_")));
    const lines = names.filter(factor).flatMap((name) =>
      points(curve.step, curve.values[name]).map(({ step, value }) => ({ series: name.slice(prefix.length), step, value: value * factor(name) })),
    );
    const title = part === "terms" ? "weighted terms and their total" : `${part} by layer, unweighted`;
    return lines.length ? [chartOf(title, note, `${title}, of ${label} by step${begun(sizes)}`, marked(spec, sizes), { curves: lines, sizes })] : [];
  });
}

function showCurves(element, rows, place) {
  const charts = curveCharts(rows, place);
  element.replaceChildren(...charts.map((chart) => chart.node));
  for (const chart of charts) chart.draw();
}
