// An opened row: its pictures, curves, figures, settings, manifest line, and its error; keys mark it.

function Details(rows, marks) {
  const dialog = $("details");
  const { jobs } = rows;
  let shown = {};
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close()); // beside it
  dialog.addEventListener("keydown", pressed);
  marks.hear(() => dialog.open && showMark());

  function open(place, order) {
    show(place, order);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }

  function show(place, order) {
    const id = rows.data.job_id[place];
    shown = { place, order };
    const charts = h("div", { class: "charts" });
    dialog.replaceChildren(
      h("div", { class: "dialog" }, heading(place, order), error(place), pictures(place, id), charts, facts(place, id), settings(place), line(place)),
    );
    showMark();
    showCurves(charts, rows, place);
  }

  function heading(place, order) {
    const status = rows.text.status.word(place);
    const at = order.indexOf(place);
    const step = (name, to) =>
      h("button", { type: "button", "data-step": name, "aria-disabled": order[to] === undefined ? "true" : null, onclick: () => order[to] === undefined || turn(name, order[to], order) }, name);
    const mark = (name, key) => h("button", { type: "button", "data-mark": name, title: `key ${key}`, onclick: () => marks.set(place, marks.of(place) === name ? "" : name) }, capital(name));
    return h(
      "div",
      { class: "dialog-head" },
      h("div", {}, h("h2", { id: "details-title" }, rows.label(place)), h("p", { class: "tags" }, h("span", { class: `status ${status}` }, status), h("span", { class: "quiet" }, `row ${rows.number("row", place)}`))),
      h("div", { class: "pager" }, ...(marks.isOpen(place) ? [mark("good", "G"), mark("bad", "B")] : []), ...(order.length > 1 ? [step("Previous", at - 1), step("Next", at + 1)] : []), h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Close")),
    );
  }

  function showMark() {
    for (const button of dialog.querySelectorAll("button[data-mark]")) {
      button.setAttribute("aria-pressed", marks.of(shown.place) === button.dataset.mark);
    }
  }

  function turn(name, place, order) {
    show(place, order);
    dialog.querySelector(`[data-step="${name}"]`).focus();
  }

  // A mark moves to the next row.
  function pressed(event) {
    const { place, order } = shown;
    const mark = markOf(event);
    if (mark !== undefined) marks.set(place, mark);
    const way = isTyping(event) ? 0 : { arrowright: 1, j: 1, arrowleft: -1, k: -1 }[event.key.toLowerCase()];
    const next = order[order.indexOf(place) + (mark === undefined ? way : 1)];
    if (next !== undefined) turn(way < 0 ? "Previous" : "Next", next, order);
    if (mark !== undefined || way) event.preventDefault();
  }

  function error(place) {
    const code = rows.text.error_code.word(place);
    return code ? h("p", { class: "error" }, h("code", {}, code), ` ${rows.text.error.word(place)}`) : null;
  }

  // The result, large (in a comparison both), and the pictures that it was made from, small.
  function pictures(place, id) {
    const sides = rows.data.other ? [["A, before", rows.otherImage(place)], ["B, after", rows.image(place)]] : [["result", rows.image(place)]];
    const results = sides.filter(([, path]) => path).map(([name, path]) => result(place, name, path));
    const small = jobs.jobs[id] ? jobs.jobs[id].strip.slice(0, -1).map(tileOf) : inputs(place, results.length === 0);
    if (!results.length && !small.length) return null;
    const origins = h("div", { class: "origins" }, ...small);
    return results.length ? h("div", { class: "strip" }, h("div", { class: "results" }, ...results), origins) : h("div", { class: "strip alone" }, origins);
  }

  // The page may have a small picture; the full one is in the store beside the page.
  function result(place, name, path) {
    const alt = `${name} of ${rows.label(place)}`;
    const small = name.startsWith("A") ? "" : rows.thumbnail(place);
    const picture = small ? h("img", { src: small, alt }) : stored(path, alt);
    if (small) h("img", { src: inStore(path), onload: ({ target }) => (picture.src = target.src) });
    return h("figure", {}, h("a", { href: inStore(path), "aria-label": `${alt}, full size` }, picture), h("figcaption", {}, name));
  }

  // The store has a small picture of an input once a job has read it. `all` leaves the place of another one empty.
  function inputs(place, all) {
    const kinds = ["content", "style"].filter((kind) => rows.input(kind, place) || (all && rows.text[kind].word(place)));
    const lacking = rows.data.job_id[place] ? "no picture" : "no picture, for no job used it";
    return kinds.map((kind) => {
      const [path, caption] = [rows.input(kind, place), `${kind}: ${rows.text[kind].name(place)}`];
      return h("figure", {}, path ? stored(path, caption) : blank(caption, lacking), h("figcaption", {}, caption));
    });
  }

  const blank = (caption, words = "no picture") => h("span", { class: "blank", role: "img", "aria-label": `${words}: ${caption}` }, words);

  function tileOf([key, caption, width, height]) {
    const uri = rows.embedded(key);
    const picture = uri ? h("img", { src: uri, width, height, alt: caption }) : blank(caption);
    return h("figure", {}, picture, h("figcaption", {}, caption));
  }

  function facts(place, id) {
    const figures = Object.keys(NAMES).filter((name) => rows.number(name, place) != null).map((name) => [NAMES[name], written(name, rows.number(name, place)), MEANINGS[name]]);
    const [width, bytes, updates, best] = ["width", "bytes", "updates", "best_step"].map((name) => rows.number(name, place));
    const others = [
      ["content", rows.text.content.word(place)],
      ["style", rows.text.style.word(place)],
      ["job id", id],
      ["size", width ? `${width} x ${rows.number("height", place)} px${bytes ? `, ${Math.round(bytes / 1000).toLocaleString("en")} kB` : ""}` : ""],
      ["steps", updates == null ? "" : `${updates.toLocaleString("en")}${best == null ? "" : `, lowest total at ${best.toLocaleString("en")}`}`],
      ...Object.entries(rows.extras).map(([name, { word }]) => [name, word(place)]),
    ];
    const pair = ([name, value, help]) => h("div", { title: help }, h("dt", {}, name), h("dd", {}, value));
    return h("dl", { class: "pairs wide" }, ...[...figures, ...others].filter(([, value]) => value).map(pair));
  }

  // First what differs from the preset, with the preset's value.
  function settings(place) {
    const preset = rows.settings.preset.word(place);
    const usual = rows.data.presets[preset] ? usualOf(rows, place) : {};
    const known = Object.entries(rows.settings).map(([name, { word }]) => [name, word(place)]).filter(([name, value]) => value && name !== "preset");
    const own = known.filter(([name, value]) => value !== usual[name]);
    const item = ([name, value], note) => h("div", {}, h("dt", {}, name), h("dd", {}, value, note ? h("small", { class: "quiet" }, ` not ${note}`) : null));
    const list = (title, pairs, note) => (pairs.length ? [h("h3", {}, title), h("dl", { class: "pairs" }, ...pairs.map((pair) => item(pair, note(pair[0]))))] : []);
    const lists = [...list(rows.data.presets[preset] ? `Differs from preset ${preset}${SIDE}` : "Settings", own, (name) => usual[name]), ...list(`As in preset ${preset}${SIDE}`, known.filter((pair) => !own.includes(pair)), () => "")];
    return lists.length ? h("div", { class: "given" }, ...lists) : null;
  }

  function line(place) {
    const manifest = manifestOf(rows, [place]);
    if (!manifest) return null;
    const area = h("textarea", { readonly: true, rows: 3, id: "manifest-line", spellcheck: "false" });
    area.value = manifest.trimEnd();
    const said = h("span", { role: "status", class: "quiet" });
    const onclick = async () => (said.textContent = (await copy(manifest)) ? "copied" : "select it and copy");
    return h("div", { class: "line" }, h("label", { for: "manifest-line" }, "As a manifest"), area, h("p", {}, h("button", { type: "button", onclick }, "Copy"), " ", said));
  }

  return { open };
}
