// Pointer on the panels: zoom, drag, hover, click; the axis of time with the rate of each layer; the cursor that plays.

/** The neuron and step below the pointer, and whether a spike is there: the nearest within a few pixels. */
function hit(view, px, py) {
  const { layer } = view, canvas = view.over, reach = 7;
  if (view.pictures) {
    const neuron = neuronInPictures(view, canvas, px, py);
    return neuron === null ? null : { layer, neuron, step: spikesOf(layer, neuron)[0] ?? 0, spike: false };
  }
  const scale = scaleOf(view, canvas.clientWidth, canvas.clientHeight), { at, row } = orderOf(view), { neurons, offsets } = trainsOf(layer);
  const step = Math.min(Math.max(Math.round(scale.step(px)), 0), T - 1), span = Math.ceil(reach / scale.perStep);
  let best = null, nearest = reach ** 2;
  for (let t = Math.max(0, step - span); t <= Math.min(T - 1, step + span); t++)
    for (let e = offsets[t]; e < offsets[t + 1]; e++) {
      const off = Math.max(0, Math.abs(scale.y(row[neurons[e]] + 0.5) - py) - scale.perRow / 2);
      const far = (scale.x(t) - px) ** 2 + off ** 2;
      if (far < nearest) [nearest, best] = [far, { layer, neuron: neurons[e], step: t, spike: true }];
    }
  if (best) return best;
  const inside = Math.min(Math.max(Math.floor(scale.row(py)), 0), layer.size - 1);
  return { layer, neuron: at[inside], step, spike: false };
}

function listen(view) {
  const canvas = view.over;
  let down = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault(); // the wheel zooms; it must not scroll the panels as well
    const scale = scaleOf(view, canvas.clientWidth, canvas.clientHeight), [x, y] = at(event);
    const by = Math.exp((event.deltaY || event.deltaX) * (event.deltaMode ? 0.05 : 0.0015));
    if (event.shiftKey || event.ctrlKey || x < LEFT) zoomNeurons(view, by, scale.row(y));
    else zoomTime(by, scale.step(x));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    const [x, y] = at(event);
    down = { x, y, from: state.from, to: state.to, low: view.low, moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (down && (down.moved || Math.hypot(x - down.x, y - down.y) > 4)) {
      const scale = scaleOf(view, canvas.clientWidth, canvas.clientHeight), by = (down.x - x) / scale.perStep;
      down.moved = true;
      setWindow(down.from + by, down.to + by);
      moveNeurons(view, down.low + (down.y - y) / scale.perRow);
      return hideTip();
    }
    setHover(hit(view, x, y), event);
  });
  canvas.addEventListener("pointerup", (event) => {
    const found = down && !down.moved ? hit(view, ...at(event)) : null;
    down = null;
    if (found) select(found.layer, found.neuron, found.step);
  });
  canvas.addEventListener("pointerleave", () => setHover(null));
  canvas.addEventListener("dblclick", () => {
    moveNeurons(view, 0, view.layer.size);
    setWindow(-0.5, T - 0.5);
  });
}

function setHover(found, event) {
  state.hover = found;
  redraw("marks");
  if (!found) return hideTip();
  const words = `${fullName(found.layer, found.neuron)}, step ${found.step}`;
  showTip(`${words}${found.spike ? ": fires" : ""}, ${plural(spikesOf(found.layer, found.neuron).length, "spike")} in all`, event);
}

function showTip(words, event) {
  const tip = byId("tip");
  tip.textContent = words;
  tip.hidden = false;
  tip.style.left = `${Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 6)}px`;
  tip.style.top = `${event.clientY > window.innerHeight - 60 ? event.clientY - 32 : event.clientY + 16}px`;
}

const hideTip = () => (byId("tip").hidden = true);

/** Rates of all layers over all steps, each as a share of its own maximum, with the visible window. */
function drawOverview() {
  const { context, wide, high } = fit(byId("overview")), inner = wide - LEFT - RIGHT, x = (step) => LEFT + ((step + 0.5) / T) * inner;
  context.clearRect(0, 0, wide, high);
  context.fillStyle = css("soft");
  context.fillRect(x(state.from), 0, x(state.to) - x(state.from), high - 16);
  context.font = "11px system-ui, sans-serif";
  for (const layer of layers) {
    context.strokeStyle = layerColour(layer.index);
    context.beginPath();
    ratesOf(layer).forEach((rate, bin, all) => context.lineTo(LEFT + ((bin + 0.5) / all.length) * inner, (high - 18) * (1 - 0.9 * rate)));
    context.stroke();
  }
  context.fillStyle = css("muted");
  context.textBaseline = "middle";
  label(context, "rates,", LEFT - 6, 12, "right", LEFT);
  label(context, "all steps", LEFT - 6, 26, "right", LEFT);
  for (const step of roundSteps(0, T - 1, inner)) label(context, step.toLocaleString("en"), x(step), high - 8, "center", 60);
  context.strokeStyle = css("accent");
  context.strokeRect(x(state.from), 0.5, x(state.to) - x(state.from), high - 17);
  const marked = state.cursor ?? selected()?.step;
  if (marked !== undefined && marked !== null) context.fillRect(x(marked) - 0.5, 0, 1.5, high - 16);
  const steps = visibleSteps().map((step) => step.toLocaleString("en"));
  byId("cursor-words").textContent = `${state.cursor === null ? "" : `step ${state.cursor}, `}steps ${steps[0]} to ${steps[1]} shown; wheel zooms, drag moves, a click on the axis sets the cursor`;
}

/** The visible steps, below the panels. */
function drawAxis() {
  const { context, wide, high } = fit(byId("axis")), scale = scaleOf({ low: 0, high: 1 }, wide, high), [first, end] = visibleSteps();
  context.clearRect(0, 0, wide, high);
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.fillStyle = css("muted");
  label(context, "step", LEFT - 28, 11, "right", LEFT);
  for (const step of roundSteps(first, end, wide - LEFT - RIGHT)) {
    context.fillRect(scale.x(step) - 0.5, 0, 1, 4);
    label(context, step.toLocaleString("en"), scale.x(step), 11, "center", 60);
  }
}

function ratesOf(layer) {
  const { offsets } = trainsOf(layer), bins = Math.min(T, 100);
  const counts = Array.from({ length: bins }, (_, b) => offsets[Math.floor(((b + 1) * T) / bins)] - offsets[Math.floor((b * T) / bins)]);
  const most = Math.max(1, ...counts);
  return counts.map((count) => count / most);
}

/** Round numbers of steps from first to end, about one for every 80 pixels. */
function roundSteps(first, end, pixels) {
  const every = roundSpacing(((end - first) * 80) / Math.max(80, pixels)), found = [];
  for (let step = Math.ceil(first / every) * every; step <= end; step += every) found.push(step);
  return found;
}

function listenToTime() {
  const canvas = byId("overview"), jump = (event) => {
    const box = canvas.getBoundingClientRect(), half = (state.to - state.from) / 2;
    const step = ((event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)) * T - 0.5;
    setWindow(step - half, step + half);
  };
  canvas.addEventListener("pointerdown", (event) => (canvas.setPointerCapture(event.pointerId), jump(event)));
  canvas.addEventListener("pointermove", (event) => event.buttons && jump(event));
  const axis = byId("axis"), point = (event) => {
    const box = axis.getBoundingClientRect(), scale = scaleOf({ low: 0, high: 1 }, box.width, box.height);
    setCursor(scale.step(event.clientX - box.left));
  };
  axis.addEventListener("pointerdown", (event) => (axis.setPointerCapture(event.pointerId), setPlaying(false), point(event)));
  axis.addEventListener("pointermove", (event) => event.buttons && point(event));
  byId("play").onclick = () => setPlaying(!state.playing);
  byId("zoom-in").onclick = () => zoomTime(0.6);
  byId("zoom-out").onclick = () => zoomTime(1 / 0.6);
  byId("zoom-reset").onclick = () => setWindow(-0.5, T - 0.5);
  painters.marks.push(drawOverview, drawAxis);
}

const SECONDS = 8; // to play the visible steps once

function setPlaying(playing) {
  state.playing = playing;
  byId("play").textContent = playing ? "\u25ae\u25ae" : "\u25b6";
  byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  redraw("spikes");
  if (!playing) return;
  const [first, end] = visibleSteps(), start = performance.now();
  const from = state.cursor === null || state.cursor >= end ? first : state.cursor;
  const frame = (now) => {
    if (!state.playing) return;
    const step = from + (Math.max(0, now - start) / 1000 / SECONDS) * (end - first + 1);
    setCursor(Math.min(step, end));
    if (step >= end) return setPlaying(false);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
