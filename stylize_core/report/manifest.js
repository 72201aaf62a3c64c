// Rows as a manifest for the same jobs: inputs, preset, settings that differ from it, and the user's own columns.

const INPUTS = ["id", "content", "style", "init"];

// Text that a spreadsheet would take for a formula gets an apostrophe, as in failed.csv.
function quoted(cell) {
  const text = /^[=+@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const csv = (lines) => lines.map((cells) => cells.map((cell) => quoted(String(cell))).join(",") + "\n").join("");

// The meaning of an empty cell: the preset's value, of style_size the output's size.
function usualOf(rows, place) {
  const preset = rows.settings.preset.word(place);
  return { ...rows.data.presets[preset], preset, style_size: rows.settings.size.word(place) };
}

// The cells of a row by column; null of a rejected one, which has no settings.
function cellsOf(rows, place) {
  if (!rows.data.job_id[place]) return null;
  const preset = rows.settings.preset.word(place);
  const usual = usualOf(rows, place);
  const cells = { preset: rows.data.presets[preset] ? preset : "" }; // a preset that this release does not know is written out
  for (const name of INPUTS) cells[name] = rows.text[name].word(place);
  for (const [name, { word }] of Object.entries(rows.settings)) {
    if (word(place) !== usual[name]) cells[name] = word(place);
  }
  for (const [name, { word }] of Object.entries(rows.extras)) cells[name] = word(place);
  return cells;
}

// Several rows: a column for each cell that any of them has.
function manifestOf(rows, places) {
  const lines = places.map((place) => cellsOf(rows, place)).filter((cells) => cells);
  const known = [...INPUTS, "preset", ...Object.keys(rows.settings).filter((name) => name !== "preset"), ...Object.keys(rows.extras)];
  const names = known.filter((name) => lines.some((cells) => cells[name]));
  return lines.length ? csv([names, ...lines.map((cells) => names.map((name) => cells[name] ?? ""))]) : "";
}

// A query may contain a secret and is not kept: the user restores it before running such a row.
function lackQuery(rows, places) {
  return places.filter((place) => INPUTS.some((name) => rows.text[name].word(place).endsWith("?…"))).length;
}

function download(name, text) {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function copy(text) {
  return navigator.clipboard.writeText(text).then(
    () => true,
    () => copyBySelection(text),
  );
}

function copyBySelection(text) {
  const area = h("textarea", { class: "hidden" });
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
