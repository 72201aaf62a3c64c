// The table of all rows: filters, sorts, shows one page at a time; marks and selects with mouse and keys.

const PAGE = 50;

function Table(rows, marks, open) {
  const { data, text, settings, number } = rows;
  const figures = Object.keys(NAMES).filter((name) => data.numbers[name] && !name.startsWith("before_"));
  const state = { sort: "row", down: false, page: 0, order: [] };
  const filters = Filters(rows, marks, figures, () => set({}));
  const selection = Selection(rows, marks, () => state.order, () => refresh());
  const columns = makeColumns();

  function makeColumns() {
    const named = text.id.words.length > 0;
    return [
      { key: "row", title: "Row", numeric: true, opens: true },
      { key: "mark", title: "Mark" },
      { key: "status", title: "Status", words: text.status },
      ...(named ? [{ key: "id", title: "Job", words: text.id }] : []),
      { key: "content", title: "Content", words: text.content },
      { key: "style", title: "Style", words: text.style },
      ...data.shown.map((name) => ({ key: name, title: name, words: settings[name] })),
      ...figures.map((name) => ({ key: name, title: NAMES[name], help: MEANINGS[name], numeric: true })),
      ...(text.error_code.words.length ? [{ key: "error_code", title: "Error", words: text.error_code }] : []),
    ];
  }

  function start() {
    filters.start();
    selection.start();
    const picture = h("td", { "data-key": "picture" }, h("span", { class: "hidden" }, "Picture"));
    $("rows-head").append(h("tr", {}, h("td", { "data-key": "select" }, selection.all), picture, ...columns.map(head)));
    $("rows-body").addEventListener("keydown", pressed);
    marks.hear(refresh);
    set({});
  }

  // A name breaks behind its underscores.
  function head({ key, title, help, numeric }) {
    const parts = title.split(/(?<=_)/).flatMap((part) => [h("wbr"), part]);
    const sort = h("button", { type: "button", class: "sort", title: help, onclick: () => sortBy(key, numeric) }, ...parts);
    return h("th", { scope: "col", class: numeric ? "figure" : "", "data-key": key }, sort);
  }

  function sortBy(key, numeric) {
    const again = state.sort === key;
    set({ sort: key, down: again ? !state.down : Boolean(numeric) && key !== "row" });
  }

  function set(change) {
    Object.assign(state, { page: 0 }, change);
    if (!("page" in change)) state.order = sorted(filters.found());
    show();
  }

  // Empty cells come last in both directions; equal ones keep the manifest's order.
  function sorted(places) {
    const { key, words } = columns.find(({ key }) => key === state.sort);
    const value = key === "mark" ? (place) => ({ good: 0, bad: 1 })[marks.of(place)] : words ? byRank(words) : (place) => number(key, place);
    const turn = state.down ? -1 : 1;
    const keys = new Float64Array(data.count);
    for (const place of places) keys[place] = value(place) ?? turn * Infinity;
    return places.sort((a, b) => (keys[a] === keys[b] ? a - b : turn * (keys[a] - keys[b])));
  }

  function byRank({ code, words, names }) {
    const ranks = new Map((names ?? words).map((word, place) => [place, word]).sort((a, b) => compare(a[1], b[1])).map(([place], rank) => [place, rank]));
    return (place) => ranks.get(code(place)) ?? null;
  }

  function show() {
    const { order, page } = state;
    $("rows-body").replaceChildren(...order.slice(page * PAGE, (page + 1) * PAGE).map(line));
    for (const cell of $("rows-head").querySelectorAll("th")) {
      const isSorted = cell.dataset.key === state.sort;
      cell.setAttribute("aria-sort", isSorted ? (state.down ? "descending" : "ascending") : "none");
    }
    $("found").textContent = order.length === data.count ? plural(order.length, "row") : `${order.length.toLocaleString("en")} of ${plural(data.count, "row")}`;
    $("pager").replaceChildren(...pager());
    refresh();
  }

  // Only marks and selection: the rows stay, even if a filter would no longer match them.
  function refresh() {
    for (const row of $("rows-body").children) {
      const place = Number(row.dataset.place);
      const mark = row.querySelector("[data-mark]");
      mark.dataset.mark = mark.textContent = marks.of(place);
      row.querySelector("input").checked = selection.has(place);
      row.classList.toggle("selected", selection.has(place));
    }
    selection.show();
  }

  function line(place) {
    const label = rows.label(place);
    const row = String(number("row", place));
    const cells = columns.map(({ key, words, numeric, opens }) => {
      if (opens) return h("td", { class: "figure" }, h("button", { type: "button", class: "plain", "aria-label": `open row ${row}: ${label}` }, row));
      if (key === "content") return h("th", { scope: "row" }, words.name(place) || label);
      if (key === "mark") return h("td", { "data-mark": "" });
      if (key === "status") return h("td", {}, h("span", { class: `status ${words.word(place)}` }, words.word(place)));
      if (numeric) return h("td", { class: "figure" }, written(key, number(key, place)));
      return h("td", {}, words.name(place));
    });
    const opened = (event) => {
      if (!getSelection().isCollapsed || event.target.closest("a, .select")) return;
      event.currentTarget.querySelector("button").focus(); // so that keys continue from here after it is closed
      open(place, state.order);
    };
    return h("tr", { "data-place": place, onclick: opened }, h("td", { class: "select" }, selection.box(place)), h("td", { class: "thumb" }, thumb(place)), ...cells);
  }

  function thumb(place) {
    const [small, path] = [rows.thumbnail(place), rows.image(place)];
    if (small) return h("img", { src: small, alt: "" });
    return path ? h("img", { src: inStore(path), alt: "", loading: "lazy", onerror: ({ target }) => target.remove() }) : null;
  }

  function pressed(event) {
    const row = event.target.closest("tr");
    const [mark, place] = [markOf(event), Number(row.dataset.place)];
    const way = isTyping(event) ? 0 : { arrowdown: 1, j: 1, arrowup: -1, k: -1 }[event.key.toLowerCase()];
    if (mark !== undefined) marks.set(place, mark);
    if (mark !== undefined || way) go(row, way || 1);
    else if (event.key.toLowerCase() === "x") selection.turn(place, !selection.has(place));
    else return;
    event.preventDefault();
  }

  // To the next or previous row, on another page if necessary.
  function go(row, way) {
    const next = way > 0 ? row.nextElementSibling : row.previousElementSibling;
    const page = state.page + way;
    if (!next && (page < 0 || page * PAGE >= state.order.length)) return;
    if (!next) set({ page });
    const there = next ?? (way > 0 ? $("rows-body").firstElementChild : $("rows-body").lastElementChild);
    there.querySelector("button").focus();
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

  return { start, order: () => state.order };
}
