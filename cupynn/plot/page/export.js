// Save what is shown: the panels as PNG or SVG, the contributions to the selected step or the spikes as CSV.

const NAME = () => `${table.title.replace(/[^\w-]+/g, "-").replace(/^-|-$/g, "")}-sample-${table.samples[state.sample].number}`;

function save(name, content, type) {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function savePng() {
  const ratio = Math.min(2, window.devicePixelRatio || 1), open = views.filter((view) => !view.folded), head = 22;
  const wide = open[0]?.base.width ?? 100, high = open.reduce((sum, view) => sum + view.base.height + head * ratio, 10 * ratio);
  const canvas = element("canvas", { width: wide, height: high }), context = canvas.getContext("2d");
  context.fillStyle = css("card");
  context.fillRect(0, 0, wide, high);
  let y = 0;
  for (const view of open) {
    context.fillStyle = layerColour(view.layer.index);
    context.font = `600 ${12 * ratio}px system-ui, sans-serif`;
    context.fillText(`${view.layer.name}: ${view.words.textContent}`, 8 * ratio, y + 15 * ratio);
    y += head * ratio;
    for (const part of [view.base, view.over]) context.drawImage(part, 0, y);
    y += view.base.height;
  }
  canvas.toBlob((blob) => save(`${NAME()}.png`, blob));
}

/** The visible spikes of the open panels as vectors, one path for each layer. */
function svgText() {
  const wide = 900, high = 120, head = 22, left = 80, parts = [], [first, end] = visibleSteps(), open = views.filter((view) => !view.folded);
  const clean = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  open.forEach((view, index) => {
    const { neurons, offsets } = trainsOf(view.layer), { row, at } = orderOf(view), top = index * (high + head) + head;
    const perRow = high / (view.high - view.low), perStep = wide / (state.to - state.from), tall = Math.max(0.8, perRow * 0.8), path = [];
    for (let r = Math.ceil(view.low); perRow >= 10 && r < Math.floor(view.high); r++)
      parts.push(`<text x="${left - 6}" y="${top + (r - view.low + 0.5) * perRow + 4}" text-anchor="end">${clean(neuronName(view.layer, at[r]))}</text>`);
    for (let t = first; t <= end; t++)
      for (let e = offsets[t]; e < offsets[t + 1]; e++) {
        const y = (row[neurons[e]] - view.low) * perRow;
        if (y >= 0 && y < high) path.push(`M${(left + (t - state.from) * perStep).toFixed(1)} ${(top + y).toFixed(1)}v${tall.toFixed(1)}`);
      }
    parts.push(`<text x="${left}" y="${top - 6}" font-weight="600" fill="${layerColour(view.layer.index)}">${clean(`${view.layer.name}: ${view.words.textContent}`)}</text>`);
    parts.push(`<rect x="${left}" y="${top}" width="${wide}" height="${high}" fill="none" stroke="${css("line")}"/>`);
    parts.push(`<path d="${path.join("")}" stroke="${layerColour(view.layer.index)}" stroke-width="${Math.max(0.7, Math.min(2, perStep * 0.6)).toFixed(2)}"/>`);
  });
  const tall = open.length * (high + head) + 26;
  parts.push(`<text x="${left}" y="${tall - 8}" fill="${css("muted")}">steps ${first} to ${end}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" fill="${css("text")}" width="${wide + left + 10}" height="${tall}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="${css("card")}"/>${parts.join("\n")}</svg>`;
}

const quote = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** A line for each input that contributed to the selected step, the largest first; or else for each visible spike. */
const csvText = () => (selected()?.layer.replayed ? causesText(selected()) : spikesText());

function spikesText() {
  const [first, end] = visibleSteps(), lines = ["layer,neuron,map,row,column,step"];
  for (const { layer } of views.filter((view) => !view.folded)) {
    const { neurons, offsets } = trainsOf(layer);
    for (let t = first; t <= end; t++)
      for (let e = offsets[t]; e < offsets[t + 1]; e++) {
        const place = placeOf(layer, neurons[e]) ?? { map: "", row: "", column: "" };
        lines.push([quote(layer.name), neurons[e], place.map, place.row, place.column, t].join(","));
      }
  }
  return `${lines.join("\n")}\n`;
}

function causesText(chosen) {
  const cause = causes(chosen.layer, chosen.neuron, chosen.step);
  const lines = ["layer,neuron,step,input_layer,input,input_map,input_row,input_column,spikes_before,contribution"];
  for (const { source, neuron, share } of ranking(cause)) {
    const place = placeOf(source, neuron) ?? { map: "", row: "", column: "" };
    const before = spikesOf(source, neuron).filter((s) => s < cause.t).length;
    lines.push([quote(chosen.layer.name), chosen.neuron, cause.t, quote(source.name), neuron, place.map, place.row, place.column, before, share].join(","));
  }
  return `${lines.join("\n")}\n`;
}

function listenToExport() {
  byId("save-png").onclick = savePng;
  byId("save-svg").onclick = () => save(`${NAME()}.svg`, svgText(), "image/svg+xml");
  byId("save-csv").onclick = () => save(`${NAME()}-${selected()?.layer.replayed ? "contributions" : "spikes"}.csv`, csvText(), "text/csv");
}
