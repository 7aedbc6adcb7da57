// Contributions as a picture: the receptive field, over the input's own picture.

function fieldParts(cause) {
  const canvas = (shownFor.field = element("canvas", { id: "field", tabIndex: 0, label: "Contributions in the receptive field; the bars below hold the largest as text" }));
  const room = (shownFor.room = roomOf(cause));
  canvas.style.height = `${Math.ceil(room.high) + 2}px`;
  canvas.style.width = `${Math.ceil(room.wide) + 2}px`;
  const found = (event) => inputInField(canvas, room, event);
  canvas.onpointermove = (event) => {
    const input = found(event);
    if (input === null) return hideTip();
    const weight = cause.layer.kind === "pool" ? "" : `, weight ${signed(weightBetween(cause.layer, cause.neuron, input), 3)}`;
    showTip(`${fullName(room.below, input)}: ${signed(cause.shares[input], 3)}${weight}`, event);
  };
  canvas.onpointerleave = hideTip;
  canvas.onclick = (event) => {
    const input = found(event), step = input === null ? null : strongestSpike(withConstants(cause.layer, cause.neuron), room.below, input, cause.t, cause.release);
    if (step !== null) select(room.below, input, step, true);
  };
  const { name } = room.below, window = `The window of ${name} from (${room.top}, ${room.left}) on`;
  const where = room.outline ? `All of ${name}, with the neuron's window` : cause.layer.kind === "dense" ? `All of ${name}` : window;
  const [up, down] = state.weights ? ["positive", "negative"] : ["raised", "lowered"], end = state.weights ? " weights" : " the membrane";
  const words = element("p", { className: "muted" }, `${where}: `, element("span", { className: "up" }, up), " and ", element("span", { className: "down" }, down), end);
  return [words, canvas];
}

function weightsButton() {
  const button = element("button", { onclick: () => ((state.weights = !state.weights), (shownFor = null), redraw("neuron")) }, "weights");
  button.setAttribute("aria-pressed", String(state.weights));
  button.title = "Show the weights of the inputs instead of their contributions";
  return button;
}

/** Which part of the layer below is shown, and how large. */
function roomOf({ layer, neuron }) {
  const below = layers[layer.index - 1], [maps, rows, columns] = below.maps, wide = Math.min(342, byId("neuron").clientWidth - 30);
  const all = { below, shown: maps, firstMap: 0, top: 0, left: 0, rows, columns, ...arrange(maps, rows, columns, wide, maps > 3 ? 420 : 250) };
  if (layer.kind === "dense") return all;
  const { map, row, column } = placeOf(layer, neuron);
  const [high, across] = layer.kernel.map((size, axis) => (size - 1) * layer.dilation[axis] + 1);
  const top = row * layer.stride[0] - layer.padding[0], left = column * layer.stride[1] - layer.padding[1];
  if (below.index === 0) return { ...all, outline: [top, left, high, across] }; // the picture that the viewer knows
  const [firstMap, shown] = groupOf(layer, map);
  return { below, shown, firstMap, top, left, rows: high, columns: across, ...arrange(shown, high, across, Math.min(wide, 60 * across * shown), shown > 1 ? 300 : 160) };
}

function drawField(canvas, cause) {
  const room = shownFor.room, { below, rows, columns, cell } = room, { context, wide, high } = fit(canvas);
  const [all, down, across] = below.maps, weighted = state.weights && cause.layer.kind !== "pool";
  const values = weighted ? inputsOf(cause.layer, cause.neuron).below : cause.shares, most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
  const [plus, minus, ground, ink] = ["up", "down", "card", "text"].map((name) => rgb(css(name)));
  const image = table.samples[state.sample].image, levels = below.index === 0 && image ? arrayAt(image) : null;
  context.clearRect(0, 0, wide, high);
  for (let m = 0; m < room.shown; m++) {
    const picture = new ImageData(columns, rows);
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++) {
        const [r, c] = [room.top + y, room.left + x], inside = r >= 0 && r < down && c >= 0 && c < across;
        const input = ((room.firstMap + m) * down + r) * across + c, share = inside ? values[input] : 0;
        const grey = inside && levels && !weighted ? (0.3 * levels[(r * across + c) * all + m]) / 255 : inside ? 0 : 0.12; // padding is grey
        const base = ground.map((value, i) => value + (ink[i] - value) * grey), strength = Math.sqrt(Math.abs(share) / most);
        const tint = share > 0 ? plus : minus;
        picture.data.set([...base.map((value, i) => Math.round(value + (tint[i] - value) * strength)), 255], 4 * (y * columns + x));
      }
    paste(context, picture, room.x(m), room.y(m), columns * cell, rows * cell);
    context.strokeStyle = css("line");
    context.strokeRect(room.x(m) + 0.5, room.y(m) + 0.5, columns * cell - 1, rows * cell - 1);
    if (!room.outline) continue;
    const [y, x, tall, broad] = room.outline.map((value) => value * cell);
    context.strokeStyle = css("text");
    context.strokeRect(room.x(m) + x, room.y(m) + y, broad, tall);
  }
}

function inputInField(canvas, room, event) {
  const box = canvas.getBoundingClientRect(), [maps, rows, columns] = room.below.maps;
  for (let m = 0; m < room.shown; m++) {
    const x = Math.floor((event.clientX - box.left - room.x(m)) / room.cell), y = Math.floor((event.clientY - box.top - room.y(m)) / room.cell);
    const [r, c] = [room.top + y, room.left + x];
    if (x < 0 || x >= room.columns || y < 0 || y >= room.rows) continue;
    return r >= 0 && r < rows && c >= 0 && c < columns ? ((room.firstMap + m) * rows + r) * columns + c : null;
  }
  return null;
}
