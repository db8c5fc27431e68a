// One card a network: its curves, and where it stands among all on every metric of reliance.
const CARD = { width: 200, height: 96, left: 24, bottom: 14, top: 5 };

function cards() {
  const holder = byId('cards-view');
  const panels = D.benchmarks.flatMap((b, k) => b.panels.map((m) => [k, m])).filter((key) => CELLS.has(cellKey(...key, 0, 0)));
  const grid = el('div', { class: 'cards' });
  let key = ROBUST[0];
  const others = [];  // [path, shown -> its d]: what is grey behind every card
  let made = [];
  const behind = (id, d) => {
    const path = svg('path', { id, class: 'faint' });
    others.push([path, d]);
    return path;
  };
  const draw = () => {
    others.length = 0;
    const defs = svg('defs');
    const background = key ? attacksOf(key) : [];
    for (const attack of background) {
      const paths = D.models.map((model) => miniPath(curveOf(key, attack, model), attack, key));
      defs.append(behind(`others-${attack}`, (shown) => shown.map((model) => paths[model.k]).join('')));
    }
    const strips = panels.map((panel) => {
      const about = measureOf(...panel), cell = CELLS.get(cellKey(...panel, 0, 0));
      const values = new Map([...cell].map(([k, i]) => [k, M.value[i]]).filter(([, v]) => v !== null));
      const range = extent([...values.values()], 0.03);
      const px = (v) => 3 + (v - range[0]) / (range[1] - range[0]) * (CARD.width - 6);
      const id = `strip-${panel.join('-')}`;
      defs.append(behind(id, (shown) => shown.filter((m) => values.has(m.k)).map((m) => `M${px(values.get(m.k)).toFixed(1)} 2v8`).join('')));
      return { panel, about, cell, px, id };
    });
    const shared = svg('svg', { width: 0, height: 0, 'aria-hidden': 'true', style: 'position:absolute' }, defs);
    made = D.models.map((model) => card(model, key, background, strips));
    grid.replaceChildren(shared, ...made);
    update();
  };
  const update = () => {  // which networks are shown or marked: nothing is made anew
    const shown = visible();
    for (const [path, d] of others) path.setAttribute('d', d(shown));
    D.models.forEach((model, k) => {
      made[k].hidden = state.hidden.has(model.series);
      made[k].classList.toggle('dim', dimmed(model));
    });
  };
  const pick = ROBUST.length > 1 && choice('Robust accuracy shown', [['', ROBUST.map((k) => [k.join('|'), nameOf(...k)])]], key.join('|'),
    (value) => { key = value.split('|').map(Number); draw(); });
  holder.append(el('p', { class: 'note' }, 'Curves: robust accuracy (0 to 100 %) from the clean image at the left to the attack\u2019s largest radius at the '
    + 'right, one line an attack; grey are the other networks. Below: where the network stands among all on each metric of reliance; \u25b8 marks the side that leans more.'),
  pick ? el('div', { class: 'controls' }, pick.node) : '', grid);
  state.listeners.push(update);
  draw();
}

const largest = (key, attack) => Math.max(...SPOTS.get(key.join('|')).filter(([a]) => a === attack).map(([, eps]) => eps));

function miniPath(points, attack, key) {
  if (points.length < 2) return '';
  const top = largest(key, attack);
  const x = (eps) => CARD.left + eps / top * (CARD.width - CARD.left - 4);
  const y = (v) => CARD.height - CARD.bottom - v * (CARD.height - CARD.bottom - CARD.top);
  return `M${points.map((p) => `${x(p.eps).toFixed(1)} ${y(p.value).toFixed(1)}`).join('L')}`;
}

function card(model, key, attacks, strips) {
  const node = el('article', { class: 'card', vars: colourOf(model) }, el('h3', { title: model.name }, model.short));
  if (attacks.length) {
    const { width, height, left, bottom, top } = CARD;
    const drawn = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img' },
      svg('path', { class: 'axis', d: `M${left} ${top}V${height - bottom}H${width - 4}` }),
      svg('text', { x: left - 4, y: top + 7, 'text-anchor': 'end' }, '100'), svg('text', { x: left - 4, y: height - bottom + 1, 'text-anchor': 'end' }, '0'),
      attacks.map((attack) => svg('use', { href: `#others-${attack}` })));
    const words = attacks.map((attack, k) => {
      const points = curveOf(key, attack, model);
      const norm = normOf(attack), d = miniPath(points, attack, key);
      if (!d) return '';
      drawn.append(svg('path', { class: `curve${k > 2 ? ' dash' : ''}`, d, vars: { '--c': norm in NORMS ? `var(--${norm})` : 'var(--other)' } }),
        svg('text', { x: width - 4, y: height - 2, 'text-anchor': 'end' }, ''));
      return `${D.attacks[attack]} ${points.map((p) => `${p.eps ? radius(p.eps, attack) : 'clean'} ${(100 * p.value).toFixed(0)} %`).join(', ')}`;
    });
    const legend = [...new Set(attacks.map(normOf))].map((norm, k) => svg('text', { x: left + 2 + k * 26, y: height - 2, vars: { fill: `var(--${norm in NORMS ? norm : 'other'})` } }, NORMS[norm] || norm));
    drawn.append(...legend);
    drawn.setAttribute('aria-label', `${nameOf(...key)}: ${words.filter(Boolean).join('; ')}`);
    node.append(drawn);
  }
  for (const { panel, about, cell, px, id } of strips) {
    const i = cell.get(model.k);
    if (i === undefined) continue;
    const text = written(about, M.value[i], M.low[i], M.high[i]);
    const side = { up: `${about.name} \u25b8`, down: `\u25c2 ${about.name}` }[about.leans] || about.name;
    const title = many ? `${D.benchmarks[panel[0]].name}: ${side}` : side;
    const here = M.value[i] !== null && svg('path', { class: 'curve', d: `M${px(M.value[i]).toFixed(1)} 0v12` });
    if (here) here.style.strokeWidth = 3;
    node.append(el('div', { class: 'row', title: `${nameOf(...panel)}: ${text}` }, el('span', {}, title), el('b', {}, M.value[i] === null ? 'undefined' : shortly(about, M.value[i])),
      svg('svg', { viewBox: `0 0 ${CARD.width} 12`, 'aria-hidden': 'true' }, svg('use', { href: `#${id}` }), here)));
  }
  return node;
}
