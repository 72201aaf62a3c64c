// The rows of the page, column by column: names, figures and pictures.

// A column of words and codes as functions of a row's position.
function column({ words, names, sha256, codes }) {
  const code = typeof codes === "number" ? () => codes : (place) => codes[place];
  return {
    words,
    names,
    code,
    word: (place) => words[code(place)] ?? "",
    name: (place) => (names ?? words)[code(place)] ?? "",
    sha256: (place) => sha256?.[code(place)] ?? "",
  };
}

const columns = (data) => Object.fromEntries(Object.entries(data).map(([name, one]) => [name, column(one)]));

function Rows(data, jobs) {
  const [text, settings, extras] = [data.texts, data.settings, data.extras].map(columns);
  const other = data.other && { job_id: data.other.job_id, ending: column(data.other.texts.ending) };
  const number = (name, place) => data.numbers[name]?.[place] ?? null;
  const places = new Map();
  data.job_id.forEach((id, place) => places.has(id) || places.set(id, place));

  function label(place) {
    const [content, style] = [text.content.name(place), text.style.name(place)];
    return text.id.word(place) || (content || style ? `${content} × ${style}` : `row ${number("row", place)}`);
  }

  const imageOf = (id, ending) =>
    encodeURI(!ending || ending.includes("/") ? ending : `images/${id.slice(0, 2)}/${id}${ending}`);

  const image = (place) => imageOf(data.job_id[place], text.ending.word(place));

  const otherImage = (place) => (other ? imageOf(other.job_id[place], other.ending.word(place)) : "");

  // The small picture of a content or a style in the store.
  function input(kind, place) {
    const sha256 = text[kind].sha256(place);
    return sha256 && `inputs/${sha256.slice(0, 2)}/${sha256}.jpg`;
  }

  const embedded = (key) => jobs.pictures[key] ?? document.querySelector(`[data-key="${key}"]`)?.src;

  // The page's small picture of the result; empty if only the store has it.
  function thumbnail(place) {
    const id = data.job_id[place];
    const key = jobs.thumbs[id] ?? jobs.jobs[id]?.strip.at(-1)[0];
    return (key && embedded(key)) || "";
  }

  return { data, jobs, text, settings, extras, number, label, image, otherImage, input, embedded, thumbnail, place: (id) => places.get(id) };
}

const inStore = (path) => path && `../../${path}`;

// A picture of the store beside the page.
function stored(path, alt, more = {}) {
  const gone = (event) => event.target.replaceWith(h("span", { class: "blank" }, "not reachable from here"));
  return h("img", { src: inStore(path), alt, onerror: gone, ...more });
}
