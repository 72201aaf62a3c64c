// The filters of the table: words, choices, minimum and maximum figures, marks.

const CHOICES = 200;

function Filters(rows, marks, figures, changed) {
  const { data, text, settings, number } = rows;
  const none = () => ({ words: "", picked: {}, ranges: {}, mark: "" });
  let [state, haystack] = [none(), null];

  function offered() {
    const found = { status: text.status, content: text.content, style: text.style, error: text.error_code };
    for (const name of data.shown) found[name] = settings[name];
    return Object.fromEntries(Object.entries(found).filter(([, { words }]) => words.length > 1 && words.length <= CHOICES));
  }
  const choices = offered();

  function start() {
    const search = h("input", { type: "search", autocomplete: "off", spellcheck: "false", oninput: (event) => set({ words: event.target.value }) });
    const boxes = Object.entries(choices).map(([name, { words, names }]) => {
      const short = names ?? words;
      const isOnly = (name) => short.indexOf(name) === short.lastIndexOf(name); // of cats/1.jpg and dogs/1.jpg, both are shown whole
      const options = words.map((word, code) => [String(code), isOnly(short[code]) ? short[code] : word]).sort((a, b) => compare(a[1], b[1]));
      return choice(capital(name), [["", "all"], ...options], (code) => set({ picked: { ...state.picked, [name]: code === "" ? undefined : Number(code) } }), "");
    });
    const marked = choice("Mark", [["", "all"], ["good", "good"], ["bad", "bad"], ["none", "not marked"]], (mark) => set({ mark }), "");
    const clear = h("button", { type: "reset", class: "plain" }, "Clear");
    $("filters").append(labelled("Search", search), ...boxes, marked, clear, ranges());
    $("filters").addEventListener("submit", (event) => event.preventDefault());
    $("filters").addEventListener("reset", () => set(none()));
  }

  function ranges() {
    const fields = figures.map((name) => {
      const known = data.numbers[name].filter((value) => value != null);
      const ends = known.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
      const unit = isShare(name) ? 100 : 1;
      const bound = (end, word) =>
        h("input", { type: "number", step: "any", "aria-label": `${NAMES[name]}, at ${word}`, placeholder: figure(unit * ends[end]), oninput: ({ target }) => limit(name, end, target.value === "" ? null : target.value / unit) });
      return h("fieldset", {}, h("legend", { title: MEANINGS[name] }, NAMES[name] + (isShare(name) ? ", %" : "")), bound(0, "least"), " to ", bound(1, "most"));
    });
    return h("details", { class: "ranges" }, h("summary", {}, "Losses, quality, seconds: least and most"), h("div", {}, ...fields));
  }

  function limit(name, end, value) {
    const range = [...(state.ranges[name] ?? [null, null])];
    range[end] = value;
    set({ ranges: { ...state.ranges, [name]: range } });
  }

  function set(change) {
    state = { ...state, ...change };
    changed();
  }

  // The positions of the rows that pass, in the manifest's order.
  function found() {
    const words = state.words.toLowerCase().split(/\s+/).filter((word) => word);
    const picked = Object.entries(state.picked).filter(([, code]) => code !== undefined);
    const ranges = Object.entries(state.ranges).filter(([, ends]) => ends.some((end) => end !== null));
    if (words.length) haystack ??= Array.from({ length: data.count }, (_, place) => searched(place));
    const passes = (place) =>
      picked.every(([name, code]) => choices[name].code(place) === code) &&
      ranges.every(([name, ends]) => isWithin(number(name, place), ends)) &&
      (!state.mark || (marks.of(place) || "none") === state.mark) &&
      words.every((word) => haystack[place].includes(word) || isJob(place, word));
    return Array.from({ length: data.count }, (_, place) => place).filter(passes);
  }

  const isWithin = (value, [low, high]) => value !== null && (low === null || value >= low) && (high === null || value <= high);

  const isJob = (place, word) => word.length >= 6 && data.job_id[place].startsWith(word);

  function searched(place) {
    const names = [rows.label(place), text.content.name(place), text.style.name(place), text.status.word(place)];
    const others = [text.error_code, text.error, ...data.shown.map((name) => settings[name]), ...Object.values(rows.extras)];
    return [...names, ...others.map(({ word }) => word(place))].join(" ").toLowerCase();
  }

  return { start, found };
}

const compare = new Intl.Collator("en", { numeric: true }).compare;
const capital = (word) => word[0].toUpperCase() + word.slice(1).replaceAll("_", " ");
