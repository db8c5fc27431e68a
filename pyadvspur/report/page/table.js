// Tables that sort, filter and download. The table itself is in the page already; this adds what needs a script.
const plainText = (cell) => cell.textContent.trim().replace(/\s+/g, ' ');
const sorted = new Intl.Collator('en', { numeric: true });

function enhance(table, tools) {
  const body = table.tBodies[0], rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, k) => {
    const cell = row.cells[k];
    if (cell.dataset.v !== undefined) return cell.dataset.v === '' ? NaN : Number(cell.dataset.v);
    return plainText(cell);
  };
  const order = (k, sign) => {
    const keyed = rows.map((row, place) => [value(row, k), place, row]);
    const missing = (v) => Number.isNaN(v) || v === '-' || v === '';
    keyed.sort(([a, i], [b, j]) => {
      if (missing(a) || missing(b)) return missing(a) - missing(b) || i - j;
      const by = typeof a === 'number' && typeof b === 'number' ? a - b : sorted.compare(a, b);
      return sign * by || i - j;
    });
    body.append(...keyed.map((item) => item[2]));
  };
  heads.forEach((head, k) => {
    const text = head.textContent;
    const button = el('button', { type: 'button', onclick: () => {
      const up = head.getAttribute('aria-sort') === 'descending' || !head.hasAttribute('aria-sort') && head.classList.contains('text');
      heads.forEach((other) => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      order(k, up ? 1 : -1);
      say(`sorted by ${text.replaceAll('\n', ' ')}, ${up ? 'ascending' : 'descending'}`);
    } }, text);
    head.replaceChildren(button);
  });
  const parts = [];
  if (rows.length > 6) {
    const count = el('span', { class: 'count' });
    const texts = rows.map((row) => [row, row.textContent.toLowerCase()]);
    const filter = el('input', { type: 'search', placeholder: 'filter rows', oninput: () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      for (const [row, text] of texts) { row.hidden = !words.every((w) => text.includes(w)); left += !row.hidden; }
      count.textContent = words.length ? `${left} of ${rows.length} rows` : '';
      say(count.textContent);
    } });
    filter.setAttribute('aria-label', `Filter rows: ${table.caption.textContent}`);
    parts.push(count, filter);
  }
  parts.push(csvLink(`${table.dataset.file}`, () => tableRows(table)));
  tools.replaceChildren(...parts);
}

// Numbers in full: a cell with an interval becomes value, low, high and n
function tableRows(table) {
  const rows = [...table.tBodies[0].rows];
  const wide = [...table.tHead.rows[0].cells].map((_, k) => rows.some((row) => row.cells[k].dataset.l !== undefined));
  const heads = [...table.tHead.rows[0].cells].flatMap((head, k) => {
    const name = plainText(head);
    return wide[k] ? [name, `${name} low`, `${name} high`, `${name} n`] : [name];
  });
  const full = (row) => wide.flatMap((numbers, k) => {
    const { v, l, h, n } = row.cells[k].dataset;
    if (numbers) return [v ?? '', l ?? '', h ?? '', n ?? ''];
    return [v ?? plainText(row.cells[k])];
  });
  return [heads, ...rows.filter((row) => !row.hidden).map(full)];
}

// A table made here. columns: [title, is text]; rows: cells that are text, or {text, v, l, h, n}
function madeTable(id, caption, columns, rows) {
  const cell = (given, k) => {
    if (k === 0) return el('th', { scope: 'row' }, given);
    if (given === null || typeof given !== 'object') return el('td', { class: columns[k][1] && 'text' }, given);
    const { text, v, l, h, n } = given;
    const full = (x) => x === undefined ? null : x === null ? '' : String(x);
    return el('td', { 'data-v': full(v), 'data-l': full(l), 'data-h': full(h), 'data-n': full(n) }, text);
  };
  const table = el('table', { id, 'data-file': id }, el('caption', {}, caption),
    el('thead', {}, el('tr', {}, columns.map(([title, text]) => el('th', { scope: 'col', class: text && 'text' }, title)))),
    el('tbody', {}, rows.map((row) => el('tr', {}, row.map(cell)))));
  const tools = el('div', { class: 'tools' });
  enhance(table, tools);
  return [tools, el('div', { class: 'wide', tabindex: '0', role: 'region', 'aria-label': `${caption}, scrolls sideways` }, table)];
}

// Every metric; made when it is opened
function allMetrics() {
  const holder = byId('all');
  holder.addEventListener('toggle', () => {
    if (!holder.open || byId('all-view').childElementCount) return;
    const columns = [['model', 1], ['benchmark', 1], ['metric', 1], ['attack', 1], ['radius'], ['value [95 % interval]'], ['images'], ['note', 1]];
    const rows = M.value.map((value, i) => {
      const about = measureOf(M.benchmark[i], M.measure[i]);
      const text = written(about, value, M.low[i], M.high[i]);
      return [D.models[M.model[i]].name, D.benchmarks[M.benchmark[i]].name, about.name, M.attack[i] ? D.attacks[M.attack[i]] : '',
        { text: M.attack[i] ? radius(M.eps[i], M.attack[i]) : '', v: M.eps[i] }, { text, v: value, l: M.low[i], h: M.high[i], n: M.n[i] },
        { text: M.n[i], v: M.n[i] }, D.notes[M.note[i]]];
    });
    byId('all-view').append(...madeTable('metrics', 'All metrics', columns, rows));
  });
}
