// A row opened: its pictures, curves, figures, settings as a manifest line, and its error.

function Details(rows, data) {
  const dialog = $("details");
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close()); // beside it

  function open(place, order) {
    show(place, order);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }

  function show(place, order) {
    const id = rows.data.job_id[place];
    const charts = h("div", { class: "charts" });
    dialog.replaceChildren(
      h("div", { class: "dialog" }, heading(place, order), error(place), strip(place, id), charts, facts(place, id), line(place)),
    );
    showCurves(charts, id, data);
  }

  function heading(place, order) {
    const status = rows.text.status.word(place);
    const at = order.indexOf(place);
    const step = (name, to) =>
      h("button", { type: "button", "data-step": name, "aria-disabled": order[to] === undefined ? "true" : null, onclick: () => order[to] === undefined || turn(name, order[to], order) }, name);
    return h(
      "div",
      { class: "dialog-head" },
      h("div", {}, h("h2", { id: "details-title" }, rows.label(place)), h("p", { class: "tags" }, h("span", { class: `status ${status}` }, status), h("span", { class: "quiet" }, `row ${rows.number("row", place)}`))),
      h("div", { class: "pager" }, ...(order.length > 1 ? [step("Previous", at - 1), step("Next", at + 1)] : []), h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Close")),
    );
  }

  function turn(name, place, order) {
    show(place, order);
    dialog.querySelector(`[data-step="${name}"]`).focus();
  }

  function error(place) {
    const code = rows.text.error_code.word(place);
    return code ? h("p", { class: "error" }, h("code", {}, code), ` ${rows.text.error.word(place)}`) : null;
  }

  function strip(place, id) {
    const job = data.jobs[id];
    const link = rows.image(place) && `../../${rows.image(place)}`;
    if (job) return h("div", { class: "strip" }, ...job.strip.map((tile, at) => tileOf(tile, at === job.strip.length - 1 ? link : "")));
    const sides = rows.data.other ? [["B", rows.otherImage(place)], ["A", rows.image(place)]] : [["result", rows.image(place)]];
    const found = sides.filter(([, path]) => path);
    return found.length ? h("div", { class: "strip" }, ...found.map(([name, path]) => lazy(place, name, path))) : null;
  }

  function tileOf([key, caption, width, height], link) {
    const uri = data.pictures[key] ?? document.querySelector(`[data-key="${key}"]`)?.src;
    const picture = uri ? h("img", { src: uri, width, height, alt: caption }) : h("span", { class: "blank", role: "img", "aria-label": `no picture: ${caption}` }, "no picture");
    return h("figure", {}, link && uri ? h("a", { href: link, "aria-label": `${caption}, full size` }, picture) : picture, h("figcaption", {}, caption));
  }

  // The picture itself is not on the page: it comes out of the store, where the page lies beside it.
  function lazy(place, name, path) {
    const [link, caption] = [`../../${path}`, `${name}: ${path}`];
    const picture = h("img", { src: link, alt: `${name} of ${rows.label(place)}`, onerror: (event) => event.target.replaceWith(h("span", { class: "blank" }, "not reachable from here")) });
    return h("figure", {}, h("a", { href: link }, picture), h("figcaption", {}, caption));
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
    ];
    const pair = ([name, value, help]) => h("div", { title: help }, h("dt", {}, name), h("dd", {}, value));
    return h("dl", { class: "pairs wide" }, ...[...figures, ...others].filter(([, value]) => value).map(pair));
  }

  // The row as a manifest of its own: inputs, preset, and what differs from it.
  function line(place) {
    const inputs = ["id", "content", "style", "init"].map((name) => [name, rows.text[name].word(place)]);
    const preset = rows.settings.preset.word(place);
    if (!preset) return null;
    const usual = rows.data.presets[preset] ?? {};
    const own = Object.entries(rows.settings).map(([name, { word }]) => [name, word(place)]);
    const size = rows.settings.size.word(place);
    const follows = (name, value) => value === usual[name] || (name === "style_size" && value === size); // as it does unless given
    const changed = own.filter(([name, value]) => name !== "preset" && value !== "" && !follows(name, value));
    const cells = [...inputs.filter(([, value]) => value), ["preset", preset], ...changed];
    const manifest = [0, 1].map((part) => cells.map((cell) => quoted(cell[part])).join(",")).join("\n");
    const area = h("textarea", { readonly: true, rows: 3, id: "manifest-line", spellcheck: "false" });
    area.value = manifest;
    const said = h("span", { role: "status", class: "quiet" });
    const copy = h("button", { type: "button", onclick: () => copied(area, said) }, "Copy");
    return h("div", { class: "line" }, h("label", { for: "manifest-line" }, "As a manifest"), area, h("p", {}, copy, " ", said));
  }

  async function copied(area, said) {
    area.select();
    const done = await navigator.clipboard.writeText(area.value).then(() => true, () => document.execCommand("copy"));
    said.textContent = done ? "copied" : "select it and copy";
  }

  return { open };
}

const quoted = (cell) => (/[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
