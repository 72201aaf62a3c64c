// The pointer on a chart: shows the nearest line's name, step and value; a click opens its job.

const CLICK = 16; // greatest distance of a click from its line, in pixels

const tip = h("div", { class: "tip", popover: "manual" }); // in the top layer, above an opened row too

function showTip({ target, clientX, clientY }, lines) {
  tip.replaceChildren(...lines.map(([name, value]) => h("p", {}, h("span", { class: "quiet" }, name), " ", String(value))));
  (target.closest("dialog") ?? document.body).append(tip);
  tip.showPopover();
  tip.style.left = `${Math.max(4, Math.min(clientX + 14, innerWidth - tip.offsetWidth - 4))}px`;
  tip.style.top = `${clientY + 18 + tip.offsetHeight > innerHeight ? clientY - tip.offsetHeight - 12 : clientY + 18}px`;
}

const hideTip = () => tip.remove();

// A row of a chart by step belongs to a job, to a series of one job, or to a part of the jobs, with quantiles.
const lineOf = (row) => row.job ?? row.series ?? (row.p50 === undefined ? "" : (row.value ?? ""));
const heightOf = (row) => row.p50 ?? row.value;

// The position of the pointer in the plot, in its pixels; null outside.
function within(view, event) {
  const plot = view.container().querySelector("svg > g");
  const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(plot.getScreenCTM().inverse());
  return x >= 0 && y >= 0 && x <= view.width() && y <= view.height() ? { x, y } : null;
}

function nearest(rows, step) {
  let [low, high] = [0, rows.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (rows[middle].step < step) low = middle;
    else high = middle;
  }
  return step - rows[low].step < rows[high].step - step ? rows[low] : rows[high];
}

// The row nearest to the pointer, within a distance; null if there is none.
function pointed(view, lines, event, reach = Infinity) {
  const at = within(view, event);
  if (!at) return null;
  const [x, y] = [view.scale("x"), view.scale("y")];
  const distance = (row) => Math.hypot(x(row.step) - at.x, y(heightOf(row)) - at.y);
  const rows = [...lines.values()].map((line) => nearest(line, x.invert(at.x)));
  const found = rows.reduce((best, row) => (best && distance(best) <= distance(row) ? best : row), null);
  return found && distance(found) <= reach ? found : null;
}

function told(row, title) {
  const step = ["step", row.step.toLocaleString("en")];
  if (row.p50 === undefined) {
    const names = [["job", row.label], ["settings", row.note], ["loss", row.series]].filter(([, value]) => value);
    return [...names, step, [row.series ? "value" : title, figure(row.value)]];
  }
  const quantiles = { p90: "90 %", p75: "75 %", p50: "median", p25: "25 %", p10: "10 %" };
  const known = Object.entries(quantiles).filter(([name]) => row[name] != null);
  return [...(row.value ? [["jobs with", row.value]] : []), step, ...known.map(([name, word]) => [word, figure(row[name])])];
}

// Follows the pointer on a chart by step; `view` returns the current chart. A drag does not count as a click.
function follow(element, view, title, data, opens) {
  const lines = Map.groupBy(data, lineOf);
  const mark = (job) => data[0]?.job && view().signal("hovered", job).runAsync();
  element.addEventListener("pointermove", (event) => {
    const row = view() && pointed(view(), lines, event);
    if (!row) return leave();
    showTip(event, told(row, title));
    mark(row.job);
  });
  element.addEventListener("pointerleave", leave);
  element.addEventListener("click", (event) => {
    const row = opens && view() && pointed(view(), lines, event, CLICK);
    if (row?.job) openJob(row.job);
  });

  function leave() {
    hideTip();
    if (view()) mark("");
  }
}
