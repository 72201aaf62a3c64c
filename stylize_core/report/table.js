// The table of all rows: filters, sorts, and shows a page of rows at a time.

const PAGE = 50;
const CHOICES = 200;

// A column of words and codes, or of numbers, as functions of a row's place.
function column(data, kind, name) {
  const { words, names, codes } = data[kind][name];
  const code = typeof codes === "number" ? () => codes : (place) => codes[place];
  return { words, names, code, word: (place) => words[code(place)] ?? "", name: (place) => (names ?? words)[code(place)] ?? "" };
}

function Rows(data) {
  const text = Object.fromEntries(Object.keys(data.texts).map((name) => [name, column(data, "texts", name)]));
  const settings = Object.fromEntries(Object.keys(data.settings).map((name) => [name, column(data, "settings", name)]));
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

  function otherImage(place) {
    const ending = data.other && column(data.other, "texts", "ending").word(place);
    return ending ? imageOf(data.other.job_id[place], ending) : "";
  }

  return { data, text, settings, number, label, image, otherImage, place: (id) => places.get(id) };
}

function Table(rows, open) {
  const { data, text, settings, number } = rows;
  const state = { words: "", picked: {}, sort: "row", down: false, page: 0, order: [] };
  const columns = makeColumns();
  const filters = makeFilters();
  let haystack;

  function makeColumns() {
    const named = text.id.words.length > 0;
    const figures = Object.keys(NAMES).filter((name) => data.numbers[name] && !name.startsWith("before_"));
    const settingsShown = data.shown.map((name) => ({ key: name, title: name, words: settings[name] }));
    return [
      { key: "row", title: "Row", numeric: true },
      { key: "status", title: "Status", words: text.status },
      ...(named ? [{ key: "id", title: "Job", words: text.id }] : []),
      { key: "content", title: "Content", words: text.content, opens: true },
      { key: "style", title: "Style", words: text.style },
      ...settingsShown,
      ...figures.map((name) => ({ key: name, title: NAMES[name], help: MEANINGS[name], numeric: true })),
      ...(text.error_code.words.length ? [{ key: "error_code", title: "Error", words: text.error_code }] : []),
    ];
  }

  function makeFilters() {
    const offered = { status: text.status, style: text.style, error: text.error_code };
    for (const name of data.shown) offered[name] = settings[name];
    const few = Object.entries(offered).filter(([, { words }]) => words.length > 1 && words.length <= CHOICES);
    return Object.fromEntries(few);
  }

  function start() {
    const search = h("input", { type: "search", autocomplete: "off", spellcheck: "false", oninput: (event) => set({ words: event.target.value }) });
    const boxes = Object.entries(filters).map(([name, { words, names }]) => {
      const options = (names ?? words).map((word, code) => [String(code), word]).sort((a, b) => compare(a[1], b[1]));
      return choice(capital(name), [["", "all"], ...options], (code) => pick(name, code), "");
    });
    const clear = h("button", { type: "reset", class: "plain" }, "Clear");
    $("filters").append(labelled("Search", search), ...boxes, clear);
    $("filters").addEventListener("submit", (event) => event.preventDefault());
    $("filters").addEventListener("reset", () => set({ words: "", picked: {} }));
    $("rows-head").append(h("tr", {}, ...columns.map(head)));
    set({});
  }

  function head({ key, title, help, numeric }) {
    const sort = h("button", { type: "button", class: "sort", title: help, onclick: () => sortBy(key, numeric) }, title);
    return h("th", { scope: "col", class: numeric ? "figure" : "", "data-key": key }, sort);
  }

  function sortBy(key, numeric) {
    const again = state.sort === key;
    set({ sort: key, down: again ? !state.down : Boolean(numeric) && key !== "row" });
  }

  function pick(name, code) {
    set({ picked: { ...state.picked, [name]: code === "" ? undefined : Number(code) } });
  }

  function set(change) {
    Object.assign(state, { page: 0 }, change);
    if (!("page" in change)) state.order = sorted(found());
    show();
  }

  function found() {
    const wanted = state.words.toLowerCase().split(/\s+/).filter((word) => word);
    const picked = Object.entries(state.picked).filter(([, code]) => code !== undefined);
    if (wanted.length) haystack ??= Array.from({ length: data.count }, (_, place) => searched(place));
    const places = [];
    for (let place = 0; place < data.count; place++) {
      if (!picked.every(([name, code]) => filters[name].code(place) === code)) continue;
      if (wanted.every((word) => haystack[place].includes(word) || isJob(place, word))) places.push(place);
    }
    return places;
  }

  const isJob = (place, word) => word.length >= 6 && data.job_id[place].startsWith(word);

  function searched(place) {
    const names = [rows.label(place), text.content.name(place), text.style.name(place), text.status.word(place)];
    const others = [text.error_code.word(place), text.error.word(place), ...data.shown.map((name) => settings[name].word(place))];
    return [...names, ...others].join(" ").toLowerCase();
  }

  // Empty cells come last, whichever way; equal ones keep the manifest's order.
  function sorted(places) {
    const { words, names } = columns.find(({ key }) => key === state.sort).words ?? {};
    const value = words ? byRank(columns.find(({ key }) => key === state.sort).words, names ?? words) : (place) => number(state.sort, place);
    const turn = state.down ? -1 : 1;
    const keys = new Float64Array(data.count);
    for (const place of places) keys[place] = value(place) ?? turn * Infinity;
    return places.sort((a, b) => (keys[a] === keys[b] ? a - b : turn * (keys[a] - keys[b])));
  }

  function byRank({ code }, words) {
    const ranks = new Map(words.map((word, place) => [place, word]).sort((a, b) => compare(a[1], b[1])).map(([place], rank) => [place, rank]));
    return (place) => ranks.get(code(place)) ?? null;
  }

  function show() {
    const { order, page } = state;
    const shown = order.slice(page * PAGE, (page + 1) * PAGE);
    $("rows-body").replaceChildren(...shown.map(line));
    for (const cell of $("rows-head").querySelectorAll("th")) {
      const isSorted = cell.dataset.key === state.sort;
      cell.setAttribute("aria-sort", isSorted ? (state.down ? "descending" : "ascending") : "none");
    }
    $("found").textContent = order.length === data.count ? plural(order.length, "row") : `${order.length.toLocaleString("en")} of ${plural(data.count, "row")}`;
    $("pager").replaceChildren(...pager());
  }

  function line(place) {
    const cells = columns.map(({ key, words, numeric, opens }) => {
      if (opens) return h("th", { scope: "row" }, h("button", { type: "button", class: "plain", "aria-label": `open row ${number("row", place)}: ${rows.label(place)}` }, words.name(place) || rows.label(place)));
      if (key === "status") return h("td", {}, h("span", { class: `status ${words.word(place)}` }, words.word(place)));
      if (numeric) return h("td", { class: "figure" }, key === "row" ? String(number("row", place)) : written(key, number(key, place)));
      return h("td", {}, words.name(place));
    });
    return h("tr", { onclick: (event) => getSelection().isCollapsed && !event.target.closest("a") && open(place, state.order) }, ...cells);
  }

  function pager() {
    const last = Math.max(0, Math.ceil(state.order.length / PAGE) - 1);
    if (last === 0) return [];
    const move = (name, page, off) => h("button", { type: "button", "aria-disabled": off ? "true" : null, onclick: () => off || turnTo(page, name) }, name);
    return [
      move("First", 0, state.page === 0),
      move("Previous", state.page - 1, state.page === 0),
      h("span", { role: "status" }, `page ${(state.page + 1).toLocaleString("en")} of ${(last + 1).toLocaleString("en")}`),
      move("Next", state.page + 1, state.page === last),
      move("Last", last, state.page === last),
    ];
  }

  function turnTo(page, name) {
    set({ page });
    [...$("pager").querySelectorAll("button")].find((button) => button.textContent === name).focus();
  }

  return { start };
}

const compare = new Intl.Collator("en", { numeric: true }).compare;
const capital = (word) => word[0].toUpperCase() + word.slice(1).replaceAll("_", " ");
