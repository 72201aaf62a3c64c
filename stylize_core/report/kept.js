// A value that this browser keeps for the run, under its name; `hear` is called when another tab has changed it.

function Kept(name, none, hear) {
  const key = `stylize ${name} ${document.body.dataset.review}`;
  let isKept = true;

  function read() {
    try {
      return JSON.parse(localStorage.getItem(key)) ?? none;
    } catch {
      return none; // this browser does not allow storage for this page
    }
  }

  function write(value) {
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch {
      isKept = false;
    }
  }

  addEventListener("storage", (event) => event.key === key && hear());

  return { read, write, isKept: () => isKept };
}
