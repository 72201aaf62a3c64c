// Sets everything up once the head of the page is on the screen.

let openJob = () => {};

async function start() {
  const none = { jobs: {}, thumbs: {}, pictures: {}, charts: {} };
  const [data, jobs] = await Promise.all(["table", "jobs"].map((id) => ($(id) ? unpack(id).then(JSON.parse) : none)));
  for (const image of document.querySelectorAll("[data-same]")) {
    image.src = document.querySelector(`[data-key="${image.dataset.same}"]`).src;
  }
  const rows = Rows(data, jobs);
  const marks = Marks(rows);
  const details = Details(rows, marks);
  const table = $("filters") && Table(rows, marks, details.open);
  openJob = (id) => {
    const [place, order] = [rows.place(id), table?.order() ?? []];
    if (place !== undefined) details.open(place, order.includes(place) ? order : [place]);
  };
  document.addEventListener("click", ({ target }) => {
    const id = target.closest("[data-open]")?.dataset.open;
    if (id) openJob(id);
  });
  addEventListener("beforeprint", () => document.querySelectorAll(".fold").forEach((fold) => (fold.open = true)));
  table?.start();
  document.body.dataset.ready = "table";
  for (const place of document.querySelectorAll("[data-curves]")) showCurves(place, rows, rows.place(place.dataset.curves));
  if ($("by-step")) Losses(JSON.parse(await unpack("sets")), jobs.jobs).start();
  document.body.dataset.ready = "all";
}

requestAnimationFrame(() => setTimeout(start));
