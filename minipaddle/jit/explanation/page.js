"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const search = document.getElementById("search");
  const sourceLines = new Map(all("#source .ln[data-src]").map(e => [e.dataset.src, e]));

  // What belongs to each part: its lists, and which operators a source line leads to.
  const parts = data.parts.map((part, i) => {
    const list = one(`.ops[data-part="${i}"]`), code = one(`.code[data-part="${i}"]`);
    const bySource = new Map();
    part.ops.forEach((op, n) => new Set(op.s).forEach(key => {
      if (!bySource.has(key)) bySource.set(key, []);
      bySource.get(key).push(n);
    }));
    return {
      ...part, list, code, bySource,
      rows: all(".op", list).sort((a, b) => a.dataset.n - b.dataset.n),
      codeLines: new Map(all(".ln", code).map(e => [e.dataset.line, e])),
    };
  });
  let part = null, chosen = new Set(), current = -1;

  // --- what is shown

  function showPart(index) {
    part = parts[index];
    all(".tabs button").forEach((b, i) => {
      b.setAttribute("aria-selected", i === index);
      b.tabIndex = i === index ? 0 : -1;
    });
    parts.forEach((p, i) => {
      p.list.classList.toggle("shown", i === index);
      p.code.classList.toggle("shown", i === index);
    });
    sourceLines.forEach((line, key) => {
      const own = (part.bySource.get(key) || []).filter(n => part.ops[n].s.at(-1) === key).length;
      line.classList.toggle("on", part.bySource.has(key));
      one(".count", line).textContent = own ? own : "";
      one(".count", line).title = own ? `${own} operators` : "";
    });
    choose([]);
    filter();
  }

  function light(numbers, name) {
    all(`.${name}`).forEach(e => e.classList.remove(name));
    if (name === "sel") all(".calls").forEach(e => e.classList.remove("calls"));
    for (const n of numbers) {
      const op = part.ops[n];
      part.rows[n].classList.add(name);
      op.c.forEach(line => part.codeLines.get(String(line))?.classList.add(name));
      op.s.forEach((key, i) => {
        const line = sourceLines.get(key);
        if (i === op.s.length - 1) line.classList.add(name);
        else if (name === "sel") line.classList.add("calls");
      });
    }
  }

  function into(element) {
    const box = element?.closest(".scroll");
    if (!box || !element.offsetParent) return;
    const a = element.getBoundingClientRect(), b = box.getBoundingClientRect();
    if (a.top < b.top + 8 || a.bottom > b.bottom - 8) box.scrollTop += a.top - b.top - box.clientHeight / 3;
  }

  // from: the pane the choice was made in; it stays where it is
  function choose(numbers, from = "") {
    chosen = new Set(numbers);
    light(chosen, "sel");
    const first = numbers.length ? Math.min(...numbers) : -1;
    current = first;
    if (first < 0) return;
    if (from !== "operators") { reveal(part.rows[first]); into(part.rows[first]); }
    if (from !== "source") into(sourceLines.get(part.ops[first].s.at(-1)));
    if (from !== "generated") into(part.codeLines.get(String(part.ops[first].c[0])));
  }

  function reveal(row) {
    for (let g = row.closest(".group"); g; g = g.parentElement.closest(".group")) setFold(g, false);
  }

  // --- details of an operator, built when it is opened

  function details(n) {
    const op = part.ops[n], box = document.createElement("div"), table = document.createElement("table");
    const add = (name, text) => {
      if (text === "" || text === null || text === undefined) return null;
      const row = table.insertRow();
      row.insertCell().textContent = name;
      const cell = row.insertCell();
      cell.textContent = text;
      return cell;
    };
    const values = slots => slots.map(([slot, items]) => slot + ": " + items.map(([v, t]) => `${v}  ${t}`).join("\n" + " ".repeat(slot.length + 2))).join("\n");
    box.className = "more";
    add("layer", op.l);
    add("inputs", values(op.i));
    add("outputs", values(op.o));
    add("attributes", Object.entries(op.a).map(([k, v]) => `${k} = ${v}`).join("\n"));
    add("written at", op.w.join("\n"));
    add("block", op.bl || "");
    add("cost", [op.m ? `${op.m.toLocaleString("en")} multiply-adds` : "", op.b ? `${op.b.toLocaleString("en")} bytes of results` : ""].filter(Boolean).join(", "));
    if (op.k > 1) add("fused", `with ${op.k - 1} more; its line in the generated code runs all of them`);
    if (op.of !== null) {
      const cell = add("gradient of", ""), there = parts.findIndex(p => p.name === "forward");
      if (cell === null && there >= 0) {
        const link = document.createElement("button");
        link.textContent = `${op.of} ${parts[there].ops[op.of].t}`;
        link.addEventListener("click", () => { showPart(there); choose([op.of]); });
        const row = table.insertRow();
        row.insertCell().textContent = "gradient of";
        row.insertCell().append(link);
      }
    }
    if (op.st) add("compared", [op.st, op.e !== null ? `eager ${op.e}` : "", op.g !== null ? `generated ${op.g}` : ""].filter(Boolean).join(", "));
    box.append(table);
    return box;
  }

  function open(n, wanted) {
    const row = part.rows[n], there = one(".more", row), is = wanted ?? !there;
    one(".line", row).setAttribute("aria-expanded", is);
    if (there) there.remove();
    if (is) row.append(details(n));
  }

  // --- folding

  function setFold(group, folded) {
    group.classList.toggle("folded", folded);
    one(".fold", group).setAttribute("aria-expanded", !folded);
  }

  all(".group").forEach(group => {
    const count = document.createElement("span");
    count.className = "tally";
    count.textContent = all(".op", group).length;
    one(".fold", group).append(count);
  });

  function foldAll() {
    const groups = all(".group", part.list).filter(g => g.dataset.path || !one(".group", g));
    const folded = !groups.every(g => g.classList.contains("folded"));
    groups.forEach(g => setFold(g, folded));
    document.getElementById("fold").textContent = folded ? "Unfold all" : "Fold all";
  }

  // --- searching

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    part.rows.forEach(row => {
      const fits = words.every(w => row.dataset.words.includes(w));
      row.classList.toggle("off", !fits);
      shown += fits;
    });
    all(".group", part.list).forEach(g => {
      const left = all(".op:not(.off)", g).length;
      g.classList.toggle("off", !left);
      if (words.length && left) setFold(g, false);
    });
    document.getElementById("found").textContent = words.length ? `${shown} of ${part.rows.length}` : "";
  }

  // --- events

  function linked(target) {
    const row = target.closest?.(".op"), line = target.closest?.(".ln");
    if (row && !target.closest(".more")) return [[Number(row.dataset.n)], "operators"];
    if (line?.dataset.src) return [part.bySource.get(line.dataset.src) || [], "source"];
    if (line?.dataset.line) return [part.lines[line.dataset.line] || [], "generated"];
    return null;
  }

  document.addEventListener("click", event => {
    const fold = event.target.closest(".fold");
    if (fold) return setFold(fold.parentElement, !fold.parentElement.classList.contains("folded"));
    const found = event.target.closest(".panes") && linked(event.target);
    if (!found) return;
    const [numbers, from] = found;
    if (from === "operators") {
      const same = chosen.size === 1 && chosen.has(numbers[0]);
      choose(numbers, from);
      open(numbers[0], same ? undefined : true);
    } else choose(numbers, from);
  });
  document.addEventListener("mouseover", event => {
    const found = event.target.closest?.(".panes") && linked(event.target);
    light(found ? found[0] : [], "hov");
  });

  all(".tabs button").forEach((b, i, tabs) => {
    b.addEventListener("click", () => showPart(i));
    b.addEventListener("keydown", event => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { const to = (i + step + tabs.length) % tabs.length; showPart(to); tabs[to].focus(); }
    });
  });
  search.addEventListener("input", filter);
  document.getElementById("fold").addEventListener("click", foldAll);

  function theme() {
    const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = root.dataset.theme || (dark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  }
  document.getElementById("theme").addEventListener("click", theme);

  const written = document.getElementById("as-written"), rewritten = document.getElementById("as-rewritten");
  const showRewritten = yes => {
    document.getElementById("source").classList.toggle("show-rewritten", yes);
    written.setAttribute("aria-pressed", !yes);
    rewritten.setAttribute("aria-pressed", yes);
  };
  written.addEventListener("click", () => showRewritten(false));
  rewritten.addEventListener("click", () => showRewritten(true));

  function jump() {
    const at = parts.findIndex(p => p.ops.some(op => op.st === "first"));
    if (at < 0) return;
    showPart(at);
    const n = part.ops.findIndex(op => op.st === "first");
    choose([n]);
    open(n, true);
    document.getElementById("operators").scrollIntoView({ block: "nearest" });
  }
  document.getElementById("jump")?.addEventListener("click", jump);

  function move(step) {
    const seen = part.rows.filter(r => r.offsetParent !== null).map(r => Number(r.dataset.n));
    if (!seen.length) return;
    const at = seen.indexOf(current), to = seen[Math.max(0, Math.min(seen.length - 1, at < 0 ? 0 : at + step))];
    choose([to]);
    one(".line", part.rows[to]).focus({ preventScroll: true });
  }

  document.addEventListener("keydown", event => {
    if (event.key === "Escape") { search.value = ""; filter(); choose([]); search.blur(); return; }
    if (event.target === search || event.ctrlKey || event.metaKey || event.altKey) return;
    const inTabs = event.target.closest?.(".tabs");
    const act = {
      "/": () => search.focus(), f: foldAll, t: theme, j: () => move(1), k: () => move(-1),
      ArrowDown: () => move(1), ArrowUp: () => move(-1),
    }[event.key];
    const inOperators = event.target === document.body || event.target.closest?.("#operators");
    if (!act || inTabs || (event.key.startsWith("Arrow") && !inOperators)) return;
    event.preventDefault();
    act();
  });

  showPart(0);
  document.documentElement.dataset.ready = "yes";
})();
