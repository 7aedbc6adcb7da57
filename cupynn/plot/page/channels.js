// Contributions of channels, such as those of a sound: each spike before the selected step, by how much it moved the membrane.

const REACH = 80; // steps before the selected one; earlier spikes have mostly decayed

function channelParts(cause) {
  const below = layers[cause.layer.index - 1], first = Math.max(0, cause.t - REACH);
  const canvas = (shownFor.channels = element("canvas", { id: "channels", label: `Contributions of the spikes of ${below.name}; the bars below hold the largest as text` }));
  canvas.setAttribute("role", "img");
  canvas.style.height = `${Math.min(220, Math.max(60, 3 * below.size))}px`;
  canvas.onpointermove = (event) => {
    const found = spikeInChannels(canvas, cause, event);
    if (!found) return hideTip();
    showTip(`${fullName(below, found.input)}, step ${found.step}: ${signed(found.share, 3)}`, event);
  };
  canvas.onpointerleave = hideTip;
  canvas.onclick = (event) => {
    const found = spikeInChannels(canvas, cause, event);
    if (found) select(below, found.input, found.step, true);
  };
  const raised = element("span", { className: "up" }, "raised"), lowered = element("span", { className: "down" }, "lowered");
  return [element("p", { className: "muted" }, `Spikes of ${below.name} in steps ${first} to ${cause.t - 1}: `, raised, " and ", lowered, " the membrane"), canvas];
}

/** Call visit(input, step, share) for each spike within reach. */
function eachShare({ layer, neuron, t, release }, visit) {
  const below = layers[layer.index - 1], { neurons, offsets } = trainsOf(below), weights = inputsOf(layer, neuron).below, one = withConstants(layer, neuron), response = responseOf(one);
  for (let s = Math.max(0, t - REACH); s < t; s++)
    for (let e = offsets[s]; e < offsets[s + 1]; e++) visit(neurons[e], s, weights[neurons[e]] * factor(one, response, s, t, release));
}

/** Where spikes are on the canvas: the channels from the top, as in the panel, and the selected step at the right edge. */
const channelScale = (canvas, { layer, t }) => {
  const wide = canvas.clientWidth / Math.min(t, REACH), high = canvas.clientHeight / layers[layer.index - 1].size;
  return { wide, high, x: (step) => (step - Math.max(0, t - REACH)) * wide, y: (input) => input * high };
};

function drawChannels(canvas, cause) {
  const { context, wide, high } = fit(canvas), scale = channelScale(canvas, cause);
  let most = 1e-12;
  eachShare(cause, (_, step, share) => (most = Math.max(most, Math.abs(share))));
  context.clearRect(0, 0, wide, high);
  context.fillStyle = css("soft");
  if (cause.release > cause.t - REACH) context.fillRect(0, 0, scale.x(cause.release), high); // before the last rest
  eachShare(cause, (input, step, share) => {
    context.fillStyle = css(share > 0 ? "up" : "down");
    context.globalAlpha = 0.15 + 0.85 * Math.sqrt(Math.abs(share) / most);
    context.fillRect(scale.x(step), scale.y(input), Math.max(2, scale.wide), Math.max(2, scale.high));
  });
  context.globalAlpha = 1;
}

function spikeInChannels(canvas, cause, event) {
  const box = canvas.getBoundingClientRect(), scale = channelScale(canvas, cause), [px, py] = [event.clientX - box.left, event.clientY - box.top];
  let [found, nearest] = [null, 36];
  eachShare(cause, (input, step, share) => {
    const far = (scale.x(step) + scale.wide / 2 - px) ** 2 + (scale.y(input) + scale.high / 2 - py) ** 2;
    if (far < nearest) [nearest, found] = [far, { input, step, share }];
  });
  return found;
}
