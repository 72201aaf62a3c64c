// Sets everything up once the head of the page is on the screen.

let openJob = () => {};

async function start() {
  const none = { jobs: {}, pictures: {}, charts: {} };
  const [table, jobs] = await Promise.all(["table", "jobs"].map((id) => ($(id) ? unpack(id).then(JSON.parse) : none)));
  for (const image of document.querySelectorAll("[data-same]")) {
    image.src = document.querySelector(`[data-key="${image.dataset.same}"]`).src;
  }
  const rows = Rows(table);
  const details = Details(rows, jobs);
  openJob = (id) => rows.place(id) !== undefined && details.open(rows.place(id), [rows.place(id)]);
  document.addEventListener("click", ({ target }) => {
    const id = target.closest("[data-open]")?.dataset.open;
    if (id) openJob(id);
  });
  if ($("filters")) Table(rows, details.open).start();
  document.body.dataset.ready = "table";
  for (const place of document.querySelectorAll("[data-curves]")) showCurves(place, place.dataset.curves, jobs);
  if ($("by-step")) Losses(JSON.parse(await unpack("sets")), jobs.jobs).start();
  document.body.dataset.ready = "all";
}

requestAnimationFrame(() => setTimeout(start));
