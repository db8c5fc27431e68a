// Making elements. Text from data becomes text nodes only: a name that looks like markup stays a name.
const SVG = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'vars') for (const [name, v] of Object.entries(value)) node.style.setProperty(name, v);
    else node.setAttribute(key, value === true ? '' : value);
  }
  for (const child of children.flat(9)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const byId = (id) => document.getElementById(id);

function say(text) { byId('say').textContent = text; }

// A labelled select; groups: [[label or '', [[value, text], ...]], ...]
function choice(label, groups, value, changed) {
  const select = el('select', { onchange: () => changed(select.value) });
  const set = (given, wanted) => {
    const option = ([v, text]) => el('option', { value: v, selected: String(v) === String(wanted) }, text);
    select.replaceChildren(...given.flatMap(([name, items]) =>
      name ? [el('optgroup', { label: name }, items.map(option))] : items.map(option)));
  };
  set(groups, value);
  return { node: el('label', {}, label, select), select, set };
}

function check(label, on, changed) {
  const box = el('input', { type: 'checkbox', checked: on, onchange: () => changed(box.checked) });
  return el('label', { class: 'check' }, box, label);
}

// CSV (RFC 4180) behind a link that makes its file when it is used
function csvText(rows) {
  const quoted = (v) => {
    const text = v === null || v === undefined ? '' : String(v);
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  return rows.map((row) => row.map(quoted).join(',')).join('\r\n') + '\r\n';
}
function csvLink(name, rows) {
  let made = null;
  const make = () => {
    if (made) URL.revokeObjectURL(made);
    made = URL.createObjectURL(new Blob([csvText(rows())], { type: 'text/csv;charset=utf-8' }));
    link.href = made;
  };
  const file = name.replace(/[^\w.-]+/g, '-');
  const link = el('a', { class: 'csv', href: '#', download: `${file}.csv`, onclick: make, onfocus: make }, 'CSV');
  link.setAttribute('aria-label', `Download as CSV: ${name}`);
  return link;
}

// One tooltip for everything that hover and focus reach
const tip = {
  show(target, title, lines) {
    const node = byId('tip');
    node.replaceChildren(el('b', {}, title), ...lines.filter(Boolean).map((line) => el('span', {}, line)));
    node.hidden = false;
    const box = target.getBoundingClientRect(), own = node.getBoundingClientRect();
    const left = Math.min(Math.max(8, box.right + 10), document.documentElement.clientWidth - own.width - 8);
    const top = box.top - own.height - 8 < 60 ? box.bottom + 8 : box.top - own.height - 8;
    node.style.left = `${left + window.scrollX}px`;
    node.style.top = `${top + window.scrollY}px`;
  },
  hide() { byId('tip').hidden = true; },
};

// One tab stop for many items; arrows go from one to the next, Escape closes the tooltip
function roving(items) {
  let at = 0;
  const go = (k) => {
    items[at].setAttribute('tabindex', '-1');
    at = (k + items.length) % items.length;
    items[at].setAttribute('tabindex', '0');
    items[at].focus({ preventScroll: false });
  };
  items.forEach((item, k) => {
    item.setAttribute('tabindex', k ? '-1' : '0');
    item.addEventListener('keydown', (event) => {
      const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
      if (event.key in steps) go(k + steps[event.key]);
      else if (event.key === 'Home') go(0);
      else if (event.key === 'End') go(items.length - 1);
      else if (event.key === 'Escape') { tip.hide(); return; } else return;
      event.preventDefault();
    });
  });
}

// Draw now, and again when the width changes
function responsive(holder, draw) {
  let width = 0;
  const again = () => { if (holder.clientWidth) { width = holder.clientWidth; draw(width); } };
  new ResizeObserver(() => { if (Math.abs(holder.clientWidth - width) > 2) again(); }).observe(holder);
  return again;
}

// Colours: what the system prefers, unless the reader chose
function theme() {
  const root = document.documentElement;
  let held = '';
  try { held = localStorage.getItem('advspur-theme') || ''; } catch { /* no storage for files in some browsers */ }
  const set = (value) => {
    if (value) root.dataset.theme = value; else delete root.dataset.theme;
    try { localStorage.setItem('advspur-theme', value); } catch { /* the choice lasts as long as the page */ }
  };
  set(held);
  const items = [['', 'as the system'], ['light', 'light'], ['dark', 'dark']];
  byId('theme').append(choice('Colours', [['', items]], held, set).node);
}
