// Draws the charts when they come into view; everything else of the page works without this script.

const data = JSON.parse(document.getElementById("data").textContent);

function curveRows(ids, term) {
  return ids.flatMap((id) => {
    const { step, values, label, note, hue, dashed } = data.jobs[id];
    return points(step, values[term]).map((point) => ({ job: id, label, note, hue, dashed, ...point }));
  });
}

function seriesRows(id, part) {
  const { step, values } = data.jobs[id];
  const prefix = part === "terms" ? "" : `${part}_`;
  return Object.keys(values)
    .filter((name) => (prefix ? name.startsWith(prefix) : !name.includes("_")))
    .flatMap((name) => points(step, values[name]).map((point) => ({ series: name.slice(prefix.length), ...point })));
}

function bandRows(bands) {
  return bands.step.map((_, place) =>
    Object.fromEntries(Object.keys(bands).map((name) => [name, bands[name][place]])),
  );
}

// A logarithm has no place for what is missing or was not positive: the line passes over it.
function points(steps, losses = []) {
  return steps.flatMap((step, place) => (losses[place] == null ? [] : [{ step, value: losses[place] }]));
}

function chartOf(element) {
  const { group, term, job, part } = element.dataset;
  if (job) return { spec: data.single[part], datasets: { curves: seriesRows(job, part) } };
  const { spec, bands } = data.groups[group].charts[term];
  const datasets = { curves: curveRows(data.groups[group].jobs, term) };
  return { spec, datasets: bands ? { ...datasets, bands: bandRows(bands) } : datasets };
}

function goToJob(id) {
  const card = document.getElementById(`job-${id}`);
  if (!card) return;
  card.querySelector("details").open = true;
  card.querySelector("summary").focus({ preventScroll: true });
  card.scrollIntoView();
}

// A card that opens takes a whole row, and so moves away from where it was clicked: go with it.
document.addEventListener("click", ({ target }) => {
  const card = target.closest("summary")?.closest(".card");
  if (card) requestAnimationFrame(() => card.querySelector("details").open && card.scrollIntoView());
});

async function draw(element) {
  const { spec, datasets } = chartOf(element);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const options = { actions: false, renderer: "svg", tooltip: { theme: dark ? "dark" : "light" } };
  const { view } = await window.vegaEmbed(element, { ...spec, datasets }, options);
  view.addEventListener("click", (_, item) => item?.datum?.job && goToJob(item.datum.job));
}

const seen = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      draw(target);
    }
  },
  { rootMargin: "600px" },
);

// What is on the page at once is drawn at once, so that it is there on paper too.
for (const element of document.querySelectorAll(".chart")) {
  if (element.closest("details")) seen.observe(element);
  else draw(element);
}
