// Good and bad rows: marked with keys, kept by this browser for the run, downloadable as CSV.

const MARKS = { g: "good", b: "bad", u: "" };

const isTyping = ({ target }) => target.matches("input:not([type=checkbox]), select, textarea");

// The mark of a key; undefined if it has none.
function markOf(event) {
  if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return undefined;
  return MARKS[event.key.toLowerCase()];
}

function Marks(rows) {
  const kept = Kept("marks", () => ({}), () => {
    marks = kept.read();
    tell();
  });
  const heard = [];
  let marks = kept.read();

  const of = (place) => marks[rows.number("row", place)] ?? "";

  // A rejected row has nothing to judge.
  const isOpen = (place) => Boolean(rows.data.job_id[place]);

  function set(place, mark) {
    if (!isOpen(place)) return;
    const row = rows.number("row", place);
    if (mark) marks[row] = mark;
    else delete marks[row];
    kept.write(marks);
    tell();
  }

  const tell = () => heard.forEach((hear) => hear());

  function count(mark) {
    return Object.values(marks).filter((one) => one === mark).length;
  }

  function asCsv() {
    const ids = new Map(rows.data.job_id.map((_, place) => [String(rows.number("row", place)), rows.text.id.word(place)]));
    const lines = Object.entries(marks).map(([row, mark]) => [row, ids.get(row) ?? "", mark]);
    return csv([["row", "id", "mark"], ...lines.sort((a, b) => a[0] - b[0])]);
  }

  return { of, set, isOpen, count, asCsv, hear: (hear) => heard.push(hear), isKept: kept.isKept };
}
