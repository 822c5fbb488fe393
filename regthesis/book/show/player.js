// Gives every player of the page its sliders and buttons. Each output carries this script, so it may run many times.
"use strict";
for (const player of document.querySelectorAll(".player:not([data-ready])")) {
  player.dataset.ready = "";
  const { frames, sliders, start, cyclic, perSecond } = JSON.parse(player.querySelector("script").textContent);
  const picture = player.querySelector("img");
  const controls = document.createElement("div");
  controls.className = "player-controls";
  player.append(controls);

  const rows = sliders.map(([name, labels], k) => {
    const row = document.createElement("label");
    const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: labels.length - 1 });
    slider.value = start[k];
    slider.addEventListener("input", () => { pause(); show(); });
    const told = document.createElement("output");
    row.append(name, slider, told);
    controls.append(row);
    return { slider, told, labels };
  });
  const moving = rows.at(-1), last = moving.labels.length - 1;

  const buttons = document.createElement("div");
  buttons.className = "player-buttons";
  controls.append(buttons);
  const icons = { previous: "M3 2h2v12H3zM14 2v12L6 8z", play: "M4 2l10 6-10 6z", pause: "M3 2h4v12H3zm6 0h4v12H9z", next: "M11 2h2v12h-2zM2 2v12l8-6z" };
  const dress = (button, name) => {
    button.ariaLabel = button.title = name;
    button.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${icons[name]}"/></svg>`;
  };
  const button = (name, act) => {
    const made = Object.assign(document.createElement("button"), { type: "button" });
    dress(made, name);
    made.addEventListener("click", act);
    buttons.append(made);
    return made;
  };
  button("previous", () => { pause(); go(at() - 1); });
  const toggle = button("play", () => (timer ? pause() : play()));
  button("next", () => { pause(); go(at() + 1); });

  let timer = 0, direction = 1;
  const at = () => +moving.slider.value;
  const go = (place, row = moving) => { row.slider.value = place; show(); };
  function show() {
    let index = 0;
    for (const { slider, told, labels } of rows) {
      index = index * labels.length + +slider.value;
      told.textContent = slider.ariaValueText = labels[slider.value];
    }
    picture.src = frames[index];
  }
  function play() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    timer = setInterval(step, 1000 / (calm ? 1 : perSecond));
    dress(toggle, "pause");
  }
  function pause() {
    clearInterval(timer);
    timer = 0;
    dress(toggle, "play");
  }
  function step() {
    if (cyclic) return go(at() === last ? 0 : at() + 1);
    if (at() === last) direction = -1;
    if (at() === 0) direction = 1;
    go(at() + direction);
  }

  // A slider has its own keys; on a button the same keys move the slider. Space plays, wherever the focus is.
  player.addEventListener("keydown", (event) => {
    const onButton = event.target.tagName === "BUTTON";
    if (event.key === " " && !onButton) { event.preventDefault(); toggle.click(); }
    const place = { ArrowLeft: at() - 1, ArrowRight: at() + 1, Home: 0, End: last }[event.key];
    if (onButton && place !== undefined) { event.preventDefault(); pause(); go(place); }
  });

  // Dragging the picture sideways moves the last slider; with a mouse, up and down moves the first of two.
  let grip = null;
  picture.draggable = false;
  picture.addEventListener("pointerdown", (event) => {
    pause();
    moving.slider.focus({ preventScroll: true });
    grip = { x: event.clientX, y: event.clientY, places: rows.map(({ slider }) => +slider.value) };
    picture.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  picture.addEventListener("pointermove", (event) => {
    if (!grip) return;
    const by = (moved, size, row) => Math.round((moved / size) * row.labels.length);
    go(grip.places.at(-1) + by(event.clientX - grip.x, picture.clientWidth, moving));
    if (rows.length === 2 && event.pointerType === "mouse")
      go(grip.places[0] + by(event.clientY - grip.y, picture.clientHeight, rows[0]), rows[0]);
  });
  for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => (grip = null));

  show();
}
