// Pictures: counts of each map in the visible window, thumbnails of samples, and shares in the shape of a receptive field.

/** Spikes of each neuron in the visible window, up to the cursor while it plays. */
function windowCounts(layer, whole = false) {
  const { neurons, offsets } = trainsOf(layer), counts = new Uint32Array(layer.size);
  let [first, end] = whole ? [0, T - 1] : visibleSteps();
  if (!whole && state.playing && state.cursor !== null) end = Math.min(end, state.cursor);
  for (let e = offsets[first]; e < offsets[Math.max(first, end + 1)]; e++) counts[neurons[e]]++;
  return counts;
}

/** Largest size of a cell with which `maps` pictures of rows x columns fit into (wide, high), with gaps between them. */
function arrange(maps, rows, columns, wide, high, gap = 4) {
  let best = { cell: 0, across: 1 };
  for (let across = 1; across <= maps; across++) {
    const down = Math.ceil(maps / across);
    const cell = Math.min((wide - (across - 1) * gap) / (across * columns), (high - (down - 1) * gap) / (down * rows));
    if (cell > best.cell) best = { cell, across };
  }
  const x = (map) => (map % best.across) * (best.cell * columns + gap), y = (map) => Math.floor(map / best.across) * (best.cell * rows + gap);
  return { ...best, x, y, wide: x(best.across - 1) + best.cell * columns, high: y(maps - 1) + best.cell * rows };
}

function drawPictures(canvas, view) {
  const { context, wide, high } = fit(canvas), [maps, rows, columns] = view.layer.maps;
  const room = arrange(maps, rows, columns, wide - LEFT - 12, high - 8);
  const counts = windowCounts(view.layer), most = counts.reduce((a, b) => Math.max(a, b), 1);
  context.clearRect(0, 0, wide, high);
  for (let map = 0; map < maps; map++) {
    const image = new ImageData(columns, rows), part = counts.subarray(map * rows * columns, (map + 1) * rows * columns);
    const colour = rgb(view.layer.index ? layerColour(view.layer.index) : css("text"));
    part.forEach((count, i) => image.data.set([...colour, Math.round(255 * Math.sqrt(count / most))], 4 * i));
    const [x, y] = [LEFT + room.x(map), 4 + room.y(map)];
    paste(context, image, x, y, columns * room.cell, rows * room.cell);
    context.strokeStyle = css("line");
    context.strokeRect(x, y, columns * room.cell, rows * room.cell);
    if (maps > 1) numberPicture(context, map, x, y, Math.min(rows, columns) * room.cell);
  }
  context.fillStyle = css("muted");
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  const nouns = maps === 2 && mapNoun(view.layer) === "polarity" ? "2 polarities" : plural(maps, mapNoun(view.layer));
  label(context, `${nouns},`, LEFT - 6, 12, "right", LEFT - 10);
  label(context, `0 to ${most}`, LEFT - 6, 26, "right", LEFT - 10);
  label(context, "spikes", LEFT - 6, 40, "right", LEFT - 10);
}

/** Write the number of a map into its upper left corner, on a ground of its own, if there is room. */
function numberPicture(context, map, x, y, side) {
  const wide = 4 + 6 * String(map).length;
  if (side < Math.max(18, wide + 6)) return;
  [context.font, context.textBaseline] = ["10px system-ui, sans-serif", "middle"];
  context.fillStyle = css("card");
  context.globalAlpha = 0.8;
  context.fillRect(x + 0.5, y + 0.5, wide, 11);
  context.globalAlpha = 1;
  context.fillStyle = css("muted");
  label(context, String(map), x + wide / 2, y + 6.5, "center", wide);
}

/** The selected, hovered and kept neuron, the causes of the selected spike and what it drove, as frames around their pixels. */
function drawPictureMarks(context, view, wide, high) {
  const [maps, rows, columns] = view.layer.maps, room = arrange(maps, rows, columns, wide - LEFT - 12, high - 8), area = rows * columns;
  const frame = (neuron, colour, width, least) => {
    const [map, at] = [Math.floor(neuron / area), neuron % area], size = Math.max(room.cell, least), spare = (size - room.cell) / 2;
    [context.strokeStyle, context.lineWidth] = [colour, width];
    context.strokeRect(LEFT + room.x(map) + (at % columns) * room.cell - spare, 4 + room.y(map) + Math.floor(at / columns) * room.cell - spare, size, size);
  };
  const found = selected() ? state.links : null;
  for (const { layer, neuron, up } of found?.from ?? []) if (layer === view.layer) frame(neuron, css(up ? "up" : "down"), 1.5, 4);
  for (const { layer, neuron } of found?.to ?? []) if (layer === view.layer) frame(neuron, css("text"), 1.5, 4);
  const marked = [[state.hover, css("accent")], [state.kept, css("kept")], [selected(), css("text")]];
  for (const [each, colour] of marked) if (each?.layer === view.layer) frame(each.neuron, colour, 2, 8);
}

/** The neuron of a picture at a place of the canvas, or null between pictures. */
function neuronInPictures(view, canvas, px, py) {
  const [maps, rows, columns] = view.layer.maps, room = arrange(maps, rows, columns, canvas.clientWidth - LEFT - 12, canvas.clientHeight - 8);
  for (let map = 0; map < maps; map++) {
    const column = Math.floor((px - LEFT - room.x(map)) / room.cell), row = Math.floor((py - 4 - room.y(map)) / room.cell);
    if (row >= 0 && row < rows && column >= 0 && column < columns) return (map * rows + row) * columns + column;
  }
  return null;
}

const sketch = document.createElement("canvas");

function paste(context, image, x, y, wide, high) {
  [sketch.width, sketch.height] = [image.width, image.height];
  sketch.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(sketch, x, y, wide, high);
}

/** The picture of a sample: its image, its events per pixel (two polarities in two colours), or channels over time; at a step, if one is given. */
function samplePicture(index, step = null) {
  const place = table.samples[index].image;
  if (place) {
    const [rows, columns, channels] = place.shape, levels = arrayAt(place), image = new ImageData(columns, rows);
    for (let i = 0; i < rows * columns; i++)
      image.data.set([0, 1, 2].map((c) => levels[i * channels + Math.min(c, channels - 1)]).concat(255), 4 * i);
    return image;
  }
  return layers[0].maps ? eventPicture(index, step) : channelPicture(index, step);
}

function eventPicture(index, step) {
  const [maps, rows, columns] = layers[0].maps, { neurons, offsets } = trainsOf(layers[0], index), area = rows * columns;
  const image = new ImageData(columns, rows), counts = new Uint32Array(maps * area);
  const first = step === null ? 0 : Math.max(0, step - Math.floor(T * EXPOSURE)), end = step ?? T - 1;
  for (let e = offsets[first]; e < offsets[end + 1]; e++) counts[neurons[e]]++;
  const most = counts.reduce((a, b) => Math.max(a, b), 1), tint = (value) => Math.round(255 * Math.sqrt(value / most));
  for (let i = 0; i < area; i++) {
    const one = tint(counts[i]), two = maps === 2 ? tint(counts[area + i]) : one;
    image.data.set([two, Math.round((one + two) / 2), one, 255], 4 * i); // polarities: blue, and the yellow opposite to it
  }
  return image;
}

function channelPicture(index, step) {
  const { neurons, offsets } = trainsOf(layers[0], index), wide = Math.min(T, 64), high = Math.min(layers[0].size, 64);
  const counts = new Float64Array(wide * high), image = new ImageData(wide, high);
  for (let t = 0; t < T; t++)
    for (let e = offsets[t]; e < offsets[t + 1]; e++) {
      const row = Math.floor((neurons[e] * high) / layers[0].size); // the first at the top, as in the panel
      counts[row * wide + Math.floor((t * wide) / T)]++;
    }
  const most = counts.reduce((a, b) => Math.max(a, b), 1);
  counts.forEach((count, i) => image.data.set([...Array(3).fill(Math.round(255 * Math.sqrt(count / most))), 255], 4 * i));
  const at = step === null ? -1 : Math.floor((step * wide) / T);
  for (let row = 0; at >= 0 && row < high; row++) image.data.set([255, 138, 128, 255], 4 * (row * wide + at));
  return image;
}
