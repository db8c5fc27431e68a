// Everything in order; a part that fails says so and leaves the others alone.
performance.mark('begin');
document.documentElement.classList.add('live');
for (const part of [theme, seriesBar, tradeOff, curves, cards, images, adversarial, changedAnswers, allMetrics]) {
  try { part(); } catch (error) { console.error(part.name, error); }
}
for (const tools of document.querySelectorAll('.tools[data-for]')) enhance(byId(tools.dataset.for), tools);
document.addEventListener('keydown', (event) => { if (event.key === 'Escape') tip.hide(); });
performance.measure('advspur', 'begin');
