// The membrane and the current of the selected neuron over the visible steps, with its threshold, spikes and rests.

const MARGIN = 54; // for the names of the axes

function drawTrace(canvas, layer, run, step) {
  const { context, wide, high } = fit(canvas), [first, end] = visibleSteps(), split = high * 0.68;
  const x = (t) => MARGIN + ((t - state.from) / (state.to - state.from)) * (wide - MARGIN - 4);
  context.clearRect(0, 0, wide, high);
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  const range = robustRange(run.membrane, first, end, run.v_th), membrane = axis(range, 10, split - 4);
  const current = axis(rangeOf(run.current, first, end, [0]), split + 8, high - 6);
  context.save();
  context.beginPath();
  context.rect(MARGIN, 0, wide - MARGIN, high);
  context.clip();
  drawRests(context, layer, run, x, split);
  line(context, (plot) => {
    for (let t = first; t <= end; t++) {
      plot(x(t), membrane(run.membrane[t]));
      if (run.fired.includes(t)) plot(x(t), membrane(0)); // the reset
    }
  }, layerColour(layer.index), 1.5);
  markCut(context, run.membrane, first, end, range, x, membrane);
  line(context, (plot) => {
    for (let t = first; t <= end; t++) plot(x(t), current(run.current[t]));
  }, css("muted"), 1);
  level(context, membrane(run.v_th), wide, [5, 4], css("text"));
  level(context, current(0), wide, [], css("line"));
  context.fillStyle = css("text");
  context.globalAlpha = 0.55;
  context.fillRect(x(step) - 0.75, 0, 1.5, high);
  context.restore();
  context.fillStyle = css("muted");
  label(context, tidy(Number(run.v_th.toPrecision(4))), MARGIN - 4, membrane(run.v_th), "right", MARGIN);
  if (membrane(0) - membrane(run.v_th) > 11) label(context, "0", MARGIN - 4, membrane(0), "right", MARGIN);
  const shown = (value) => tidy(Number(value.toPrecision(3)));
  if (membrane(range.low) - membrane(0) > 11) label(context, range.least < range.low ? `\u25be ${shown(range.least)}` : shown(range.low), MARGIN - 4, membrane(range.low), "right", MARGIN);
  if (range.most > range.high) label(context, `\u25b4 ${shown(range.most)}`, MARGIN - 4, membrane(range.high), "right", MARGIN);
  label(context, "current", MARGIN - 2, (split + high) / 2, "right", MARGIN);
}

/** Function from values to heights within (top, bottom); values outside the range are drawn at its ends. */
function axis({ low, high }, top, bottom) {
  const span = high - low || 1;
  return (value) => bottom - ((Math.min(Math.max(value, low), high) - low) / span) * (bottom - top);
}

/** The range of all visible values and some more. */
function rangeOf(values, first, end, also) {
  let [low, high] = [Math.min(...also), Math.max(...also)];
  for (let t = first; t <= end; t++) [low, high] = [Math.min(low, values[t]), Math.max(high, values[t])];
  return { low, high };
}

const THRESHOLDS = 4; // of the membrane below zero and above the threshold; most of what is further away tells little

/** The range of the membrane without its rare extremes, which would leave no room for what happens near the threshold. */
function robustRange(values, first, end, v_th) {
  const { low: least, high: most } = rangeOf(values, first, end, [0, v_th]), visible = values.slice(first, end + 1).sort();
  const near = (share) => visible[Math.round(share * (visible.length - 1))];
  const low = Math.max(least, Math.min(-THRESHOLDS * v_th, near(0.25))), high = Math.min(most, Math.max((1 + THRESHOLDS) * v_th, near(0.75)));
  return { low, high, least, most };
}

/** Mark the steps at which the membrane is outside the range by a bar at the end of the range. */
function markCut(context, values, first, end, { low, high }, x, height) {
  context.fillStyle = css("wrong");
  for (let t = first; t <= end; t++)
    if (values[t] < low || values[t] > high) context.fillRect(x(t - 0.5), height(values[t]) - 1.5, Math.max(1, x(1) - x(0)), 3);
}

function drawRests(context, layer, run, x, split) {
  for (const t of run.fired) {
    context.fillStyle = css("soft");
    context.fillRect(x(t), 0, x(t + layer.t_ref) - x(t), split);
    context.fillStyle = layerColour(layer.index);
    context.fillRect(x(t) - 1, 0, 2, 8);
  }
}

function line(context, draw, colour, width) {
  [context.strokeStyle, context.lineWidth] = [colour, width];
  context.beginPath();
  draw((x, y) => context.lineTo(x, y));
  context.stroke();
}

function level(context, y, wide, dashes, colour) {
  context.setLineDash(dashes);
  line(context, (plot) => [MARGIN, wide].forEach((x) => plot(x, y)), colour, 1);
  context.setLineDash([]);
}

/** Step at a place of the trace: that of a spike within a few pixels, or else the nearest. */
function stepInTrace(canvas, event, fired) {
  const box = canvas.getBoundingClientRect(), perStep = (box.width - MARGIN - 4) / (state.to - state.from);
  const step = Math.min(Math.max(Math.round(state.from + (event.clientX - box.left - MARGIN) / perStep), 0), T - 1);
  const near = [...fired].filter((t) => Math.abs(t - step) * perStep < 5);
  return near.sort((a, b) => Math.abs(a - step) - Math.abs(b - step))[0] ?? step;
}
