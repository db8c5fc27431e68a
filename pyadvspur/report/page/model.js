// The data of the page, indexed, and what all charts share: which series are shown, which model is marked.
const D = JSON.parse(byId('data').textContent);
const M = D.metrics;
const MARKS = ['circle', 'square', 'up', 'diamond', 'down'];
const NORMS = { l1: '\u2113\u2081', l2: '\u2113\u2082', linf: '\u2113\u221e', standard: 'standard', other: 'other' };
const ARCHES = [...new Set(D.models.map((m) => m.arch))].filter(Boolean).sort();
ARCHES.push('');

D.models.forEach((model, k) => {
  model.k = k;
  model.colour = model.norm in NORMS ? model.norm : 'other';
  model.series = model.standard ? 'standard' : [model.norm, model.arch].join('|');
  model.shape = model.standard ? 'star' : MARKS[Math.max(0, ARCHES.indexOf(model.arch)) % MARKS.length];
  model.open = !model.standard && ARCHES.indexOf(model.arch) % 2 === 1;
});
const colourOf = (model) => ({ '--c': `var(--${model.colour})` });

// key of one number of all models -> model -> row of the metrics
const cellKey = (benchmark, measure, attack, eps) => `${benchmark}|${measure}|${attack}|${eps}`;
const CELLS = new Map();
const SPOTS = new Map();  // benchmark|measure -> [[attack, eps], ...] in the order of radii
for (let i = 0; i < M.value.length; i++) {
  const key = cellKey(M.benchmark[i], M.measure[i], M.attack[i], M.eps[i]);
  if (!CELLS.has(key)) {
    CELLS.set(key, new Map());
    const about = `${M.benchmark[i]}|${M.measure[i]}`;
    if (!SPOTS.has(about)) SPOTS.set(about, []);
    SPOTS.get(about).push([M.attack[i], M.eps[i]]);
  }
  CELLS.get(key).set(M.model[i], i);
}
for (const spots of SPOTS.values()) spots.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
const CLEAN = new Map();  // clean accuracy on the attacked images
D.clean.value.forEach((_, i) => CLEAN.set(`${D.clean.benchmark[i]}|${D.clean.measure[i]}|${D.clean.model[i]}`, i));

const measureOf = (benchmark, measure) => D.benchmarks[benchmark].measures[measure];
const many = D.benchmarks.length > 1;
const nameOf = (benchmark, measure) =>
  (many ? `${D.benchmarks[benchmark].name}: ` : '') + measureOf(benchmark, measure).name;

function radius(eps, attack) {
  const steps = eps * 255;
  if (eps > 0 && normOf(attack) === 'linf' && steps <= 64 && Math.abs(steps * 2 - Math.round(steps * 2)) < 1e-6) return `${Math.round(steps * 2) / 2}/255`;
  return String(Number(eps.toPrecision(3)));
}
const normOf = (attack) => D.attacks[attack].replace(/ \(.*$/, '').split('-').at(-1);
const spotName = ([attack, eps]) => attack === 0 ? 'no attack' : `${D.attacks[attack]}, ${radius(eps, attack)}`;

const scaled = (about, value) => value === null ? null : value * (about.percent ? 100 : 1);
const digits = (about) => about.percent ? 1 : 2;
const fixed = (about, v) => scaled(about, v).toFixed(digits(about)).replace(/^-(0\.?0*)$/, '$1');
const shortly = (about, v) => fixed(about, v) + (about.percent ? ' %' : '');
function written(about, value, low, high) {
  if (value === null) return 'undefined';
  const show = (v) => v === null ? '?' : fixed(about, v);
  return `${show(value)} [${show(low)}, ${show(high)}]${about.percent ? ' %' : ''}`;
}

// What the charts share
const state = { hidden: new Set(), marked: -1, listeners: [] };
const changed = () => state.listeners.forEach((draw) => draw());
const visible = () => D.models.filter((model) => !state.hidden.has(model.series));
const dimmed = (model) => state.marked >= 0 && model.k !== state.marked;

function markPath(shape, r) {
  if (shape === 'square') return `M${-r * 0.88} ${-r * 0.88}h${r * 1.76}v${r * 1.76}h${-r * 1.76}z`;
  if (shape === 'up') return `M0 ${-r * 1.15}L${r * 1.1} ${r * 0.85}H${-r * 1.1}z`;
  if (shape === 'down') return `M0 ${r * 1.15}L${r * 1.1} ${-r * 0.85}H${-r * 1.1}z`;
  if (shape === 'diamond') return `M0 ${-r * 1.25}L${r * 1.25} 0L0 ${r * 1.25}L${-r * 1.25} 0z`;
  if (shape === 'star') {
    const at = (k) => { const s = k % 2 ? r * 0.65 : r * 1.6, a = Math.PI * k / 5; return `${(s * Math.sin(a)).toFixed(2)} ${(-s * Math.cos(a)).toFixed(2)}`; };
    return `M${Array.from({ length: 10 }, (_, k) => at(k)).join('L')}z`;
  }
  return `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
}
const glyph = (model, r) => svg('path', { class: model.open ? 'mark open' : 'mark', d: markPath(model.shape, r) });

function seriesBar() {
  const first = new Map();
  for (const model of D.models) if (!first.has(model.series)) first.set(model.series, model);
  const buttons = [...first.values()].map((model) => {
    const words = model.standard ? 'standard training' : [NORMS[model.norm] || model.norm, model.arch].filter(Boolean).join(' ');
    const button = el('button', { type: 'button', 'aria-pressed': 'true', onclick: () => {
      const off = state.hidden.delete(model.series) ? false : Boolean(state.hidden.add(model.series));
      button.setAttribute('aria-pressed', String(!off));
      changed();
    } }, svg('svg', { width: 16, height: 16, viewBox: '-8 -8 16 16', 'aria-hidden': 'true', vars: colourOf(model) }, glyph(model, 4.6)), words);
    return button;
  });
  const items = [[-1, 'none'], ...D.models.map((m) => [m.k, m.short])];
  const marked = choice('Mark', [['', items]], -1, (value) => { state.marked = Number(value); changed(); });
  marked.select.id = 'mark';
  byId('series').append(el('span', { class: 'note' }, 'Shown:'), ...buttons, marked.node);
}
