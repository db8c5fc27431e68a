// Images that an attack broke: clean, attacked, and what changed, magnified.
function adversarial() {
  const holder = byId('adversarial-view');
  const { sheets, left_out: leftOut } = D.adversarial;
  if (!sheets.length) {
    holder.append(el('p', { class: 'note' }, 'This run kept no adversarial images. advspur evaluate --save-points keeps them.'));
    return;
  }
  const places = [...new Set(sheets.map((sheet) => sheet.benchmark))].sort();
  let at = places[0], model = sheets[0].model;
  const grid = el('div', { class: 'strips' });
  const there = () => [...new Set(sheets.filter((sheet) => sheet.benchmark === at).map((sheet) => sheet.model))];
  const items = () => [['', D.models.filter((m) => there().includes(m.k)).map((m) => [m.k, m.short])]];
  const draw = () => grid.replaceChildren(...sheets.filter((sheet) => sheet.benchmark === at && sheet.model === model).map(sheetFigure));
  const pick = choice('Network', items(), model, (value) => { model = Number(value); draw(); });
  pick.select.id = 'adversarial-model';
  holder.append(el('div', { class: 'controls' }, pickBenchmark(places, (k) => {
    at = k;
    if (!there().includes(model)) [model] = there();
    pick.set(items(), model);
    draw();
  }), pick.node),
  el('p', { class: 'note' }, 'The first images that were answered rightly and then broken, at the smallest radius that was enough. Rows: the clean image, the '
    + 'attacked one, and their difference, magnified about grey.' + (leftOut ? ` ${leftOut} more sets of images are in the run and not in this page.` : '')), grid);
  draw();
}

function sheetFigure(sheet) {
  const benchmark = D.benchmarks[sheet.benchmark];
  const name = (k) => k === null ? '?' : className(benchmark, k);
  const answer = (given, label) => el('td', { class: given === label ? 'right' : 'wrong' }, given === label ? '\u2713 ' : '\u2717 ', name(given),
    el('span', { class: 'hidden' }, given === label ? ' (right)' : ' (wrong)'));
  const row = (title, cells) => [el('tr', { class: 'who' }, el('th', { colspan: sheet.examples.length, scope: 'rowgroup' }, title)), el('tr', {}, cells)];
  const cells = (make) => sheet.examples.map(make);
  const table = el('table', { class: 'given' }, el('caption', { class: 'hidden' }, `answers under ${sheet.attack}, ${sheet.condition}`), el('tbody', {},
    row('label', cells(([, label]) => el('td', {}, name(label)))), row('answer, clean', cells(([, label, before]) => answer(before, label))),
    row('answer, attacked', cells(([, label, , after]) => answer(after, label))),
    row('radius', cells((example) => el('td', {}, example[4]))), row('distance', cells((example) => el('td', {}, example[5]))),
    row('difference shown', cells((example) => el('td', {}, `\u00d7 ${example[6]}`)))));
  const text = `Rows of ${sheet.examples.length} images: clean, attacked by ${sheet.attack}, and the difference, magnified`;
  const image = el('img', { src: sheet.source, loading: 'lazy', width: sheet.width, height: sheet.height, class: sheet.width <= 400 && 'pixels', alt: text });
  image.style.height = 'auto';
  return el('figure', {}, el('figcaption', {}, `${sheet.condition}, ${sheet.attack}`, el('span', {}, ` (samples ${sheet.examples.map(([sample]) => sample).join(', ')})`)), image, table);
}
