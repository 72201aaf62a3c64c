// A value that this browser keeps for the run, under its name; `hear` is called when it may have changed elsewhere:
// in another tab, or while the reader was on another page. `none` makes the value of nothing kept.

function Kept(name, none, hear) {
  const key = `stylize ${name} ${document.body.dataset.review}`;
  let isKept = true;

  function read() {
    try {
      return JSON.parse(localStorage.getItem(key)) ?? none();
    } catch {
      return none(); // this browser does not allow storage for this page
    }
  }

  function write(value) {
    try {
      if (Object.keys(value).length) localStorage.setItem(key, JSON.stringify(value));
      else localStorage.removeItem(key); // all reports of this machine share one place
      isKept = true;
    } catch {
      isKept = false;
    }
  }

  addEventListener("storage", (event) => (event.key === key || event.key === null) && hear());
  addEventListener("pageshow", (event) => event.persisted && hear());

  return { read, write, isKept: () => isKept };
}
