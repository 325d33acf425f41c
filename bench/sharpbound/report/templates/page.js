(() => {
  const root = document.body.dataset.root;

  // Permanent addresses, claim@version/case/metric, lead from the index to the page of the case.
  const follow = () => {
    const hash = decodeURIComponent(location.hash.slice(1)), place = hash.match(/^[^@]+@[^/]*\/([^/]+)\/[^/]+$/);
    if (place && !document.getElementById(hash)) location.replace(`${root}cases/${encodeURIComponent(place[1])}.html#${encodeURIComponent(hash)}`);
  };
  addEventListener("hashchange", follow); follow();

  // Sorting: by the values of a column, numbers as numbers, within each group of rows.
  const value = (row, k) => { const cell = row.cells[k]; return cell.dataset.value ?? cell.textContent.trim(); };
  const compare = (a, b) => {
    const x = Number(a), y = Number(b);
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  };
  document.querySelectorAll("table.sortable").forEach((table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, k) => head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      for (const body of table.tBodies) {
        const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
        rows.sort((a, b) => {
          const x = value(a, k), y = value(b, k);
          return x === "" || y === "" ? (x === "") - (y === "") : compare(x, y) * (down ? -1 : 1);
        });
        body.append(...rows);
      }
    }));
  });

  // Filters act on the table that follows them.
  document.querySelectorAll(".tools").forEach((tools) => {
    let next = tools.nextElementSibling;
    while (next && !next.querySelector("table")) next = next.nextElementSibling;
    if (!next) return;
    const table = next.querySelector("table"), box = tools.querySelector(".filter"), shown = tools.querySelector(".shown");
    const chips = [...tools.querySelectorAll(".chip")];
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]).filter((row) => !row.classList.contains("group"));
    const texts = new Map(rows.map((row) => [row, `${row.textContent} ${row.parentElement.querySelector(".group")?.textContent ?? ""}`.toLowerCase()]));
    const filter = () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => chip.dataset.chip);
      let count = 0;
      for (const row of rows) {
        row.hidden = !(words.every((word) => texts.get(row).includes(word)) && (!chosen.length || chosen.includes(row.dataset.chip)));
        count += !row.hidden;
      }
      for (const body of table.tBodies) body.hidden = [...body.rows].every((row) => row.hidden || row.classList.contains("group"));
      shown.textContent = count === rows.length ? count : `${count} of ${rows.length}`;
    };
    box.addEventListener("input", filter);
    chips.forEach((chip) => chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", chip.getAttribute("aria-pressed") !== "true"); filter();
    }));
    const noun = tools.querySelector(".noun");
    if (rows.length === 1) noun.textContent = noun.textContent.replace(/s$/, "");
    filter();
  });

  // What is wider than its place is scrolled by the keyboard too.
  const reach = () => document.querySelectorAll("pre, .display, figure").forEach((block) => {
    if (block.scrollWidth > block.clientWidth) block.tabIndex = 0; else block.removeAttribute("tabindex");
  });
  addEventListener("resize", reach); reach();

  // Search: the index is a script of its own, loaded when the box is first used.
  const box = document.getElementById("search"), list = document.getElementById("results");
  let loading = null, at = -1;
  const load = () => loading ??= new Promise((done) => {
    const script = document.createElement("script");
    script.src = `${root}assets/search.js`; script.onload = done; document.head.append(script);
  });
  const close = () => { list.hidden = true; box.setAttribute("aria-expanded", "false"); box.removeAttribute("aria-activedescendant"); at = -1; };
  const mark = (k) => {
    const items = [...list.children];
    at = items.length ? (k + items.length) % items.length : -1;
    items.forEach((item, i) => item.setAttribute("aria-selected", String(i === at)));
    if (at >= 0) { box.setAttribute("aria-activedescendant", items[at].id); items[at].scrollIntoView({ block: "nearest" }); }
  };
  const search = async () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) { list.replaceChildren(); close(); return; }
    await load();
    const found = window.searchIndex.filter(([kind, title, , more]) => { const text = `${kind} ${title} ${more}`.toLowerCase(); return words.every((word) => text.includes(word)); });
    const rank = ([, title]) => (words.every((word) => title.toLowerCase().includes(word)) ? 0 : 1);
    found.sort((a, b) => rank(a) - rank(b));
    list.replaceChildren(...found.slice(0, 12).map(([kind, title, page], i) => {
      const item = document.createElement("li"), link = document.createElement("a"), what = document.createElement("span");
      item.id = `result-${i}`; item.setAttribute("role", "option"); item.setAttribute("aria-selected", "false");
      link.href = root + page; link.tabIndex = -1; what.className = "muted"; what.textContent = kind;
      link.append(title, " ", what); item.append(link);
      return item;
    }));
    if (!found.length) { const item = document.createElement("li"); item.textContent = "nothing found"; item.setAttribute("role", "option"); item.setAttribute("aria-selected", "false"); list.append(item); }
    list.hidden = false; box.setAttribute("aria-expanded", "true"); at = -1;
  };
  box.addEventListener("focus", load, { once: true });
  box.addEventListener("input", search);
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); mark(at + 1); }
    else if (event.key === "ArrowUp") { event.preventDefault(); mark(Math.max(at, 0) - 1); }
    else if (event.key === "Enter") { const link = (list.children[Math.max(at, 0)] ?? list).querySelector("a"); if (link && !list.hidden) location.href = link.href; }
    else if (event.key === "Escape") { box.value = ""; list.replaceChildren(); close(); }
  });
  document.addEventListener("click", (event) => { if (!event.target.closest(".search")) close(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) { event.preventDefault(); box.focus(); }
  });
})();
