// Build the page and draw it.

buildSamples();
buildEpochs();
buildLayers();
listenToTime();
listenToExport();
listenToKeys();
listenToSystem();
painters.neuron.push(drawNeuron);
setTheme(system.matches);
showSample(0);
fitWindow();
placeLayers();
new ResizeObserver(placeLayers).observe(byId("layers"));

// For the browser's console, and for tests.
window.explore = { table, layers, views, state, select, selected, setWindow, setCursor, replay, causes, driven, spikesOf, samples: table.samples, drawLayers, drawMarks, csvText, svgText, showEpoch, silence, robustRange, shownTrains: (layer) => trainsOf(layer) };
