// The selected rows, across pages and filters, kept like the marks; and the downloads: a manifest of them, all marks.

function Selection(rows, marks, found, changed) {
  const kept = Kept("selection", () => [], () => {
    selected = new Set(kept.read());
    changed();
  });
  let selected = new Set(kept.read()); // numbers of rows, some of which another page about the run may have
  let last = null; // the previously used box: with shift, all between are selected
  const all = h("input", { type: "checkbox", "aria-label": "select all rows found", onchange: ({ target }) => turnAll(target.checked) });
  const [said, counted] = [h("span", { role: "status" }), h("span", { role: "status" })];
  const take = [
    h("button", { type: "button", onclick: copyLines }, "Copy manifest lines"),
    h("button", { type: "button", onclick: () => taken("download", (text) => download(`${document.body.dataset.review.split(" ")[0]}-selection.csv`, text)) }, "Download CSV"),
    h("button", { type: "button", class: "plain", onclick: () => turnAll(false, inOrder()) }, "Select none"),
  ];
  const takeMarks = h("button", { type: "button", onclick: () => download(`${document.body.dataset.review.split(" ")[0]}-marks.csv`, marks.asCsv()) }, "Download marks");

  function start() {
    const keys = "in the table: ↓ ↑ next and previous row, G good, B bad, U neither, X select, Enter open";
    $("review").append(h("p", {}, said, " ", ...take), h("p", {}, counted, " ", takeMarks), h("p", { class: "quiet keys" }, keys));
  }

  const has = (place) => selected.has(rows.number("row", place));

  function turn(place, isOn) {
    turnAll(isOn, [place]);
    last = place;
  }

  function turnAll(isOn, places = found()) {
    for (const row of places.map((place) => rows.number("row", place))) isOn ? selected.add(row) : selected.delete(row);
    kept.write([...selected]);
    changed();
  }

  function box(place) {
    const onclick = (event) => {
      const [order, isOn] = [found(), event.target.checked];
      const ends = [order.indexOf(last), order.indexOf(place)].sort((a, b) => a - b);
      turnAll(isOn, event.shiftKey && ends[0] >= 0 ? order.slice(ends[0], ends[1] + 1) : [place]);
      last = place;
    };
    return h("input", { type: "checkbox", "aria-label": `select row ${rows.number("row", place)}`, onclick });
  }

  function show(note = "") {
    const [order, count] = [found(), inOrder().length];
    const here = count ? order.filter(has).length : 0;
    [all.checked, all.indeterminate] = [here > 0 && here === order.length, here > 0 && here < order.length];
    said.textContent = `${count.toLocaleString("en")} selected${kept.isKept() ? "" : ", which this browser does not keep"}${note && `: ${note}`}`;
    for (const button of take) button.hidden = count === 0;
    const marked = ["good", "bad"].map((mark) => `${marks.count(mark).toLocaleString("en")} ${mark}`).join(", ");
    counted.textContent = marked + (marks.isKept() ? "" : "; this browser keeps no marks: download them");
    takeMarks.hidden = !marks.count("good") && !marks.count("bad");
  }

  const inOrder = () => Array.from({ length: rows.data.count }, (_, place) => place).filter(has);

  async function taken(name, way) {
    const places = inOrder();
    const text = manifestOf(rows, places);
    const [rejected, lost] = [places.filter((place) => !cellsOf(rows, place)).length, lackQuery(rows, places)];
    const done = text === "" || (await way(text));
    const notes = [done === false ? `this browser does not let the page ${name}` : "", rejected ? `${plural(rejected, "rejected row")} left out, see failed.csv` : ""];
    notes.push(lost ? `write the query of the URLs of ${plural(lost, "row")} again` : "", done === true && text && name === "copy" ? "copied" : "");
    show(notes.filter((note) => note).join("; "));
  }

  function copyLines() {
    return taken("copy", copy);
  }

  return { start, all, box, has, turn, show };
}
