/* A pad to sign on: what is drawn becomes the path of an SVG, in the field beside it. */
"use strict";

document.querySelectorAll("[data-signature]").forEach((pad) => {
    const field = document.getElementById(pad.dataset.signature);
    const path = pad.querySelector("path");
    let drawing = false;

    const point = (event) => {
        const box = pad.getBoundingClientRect();
        const x = Math.round(((event.clientX - box.left) / box.width) * 400);
        const y = Math.round(((event.clientY - box.top) / box.height) * 160);
        return `${x} ${y}`;
    };
    const draw = (step) => {
        field.value += step;
        path.setAttribute("d", field.value);
    };

    path.setAttribute("d", field.value);
    pad.addEventListener("pointerdown", (event) => {
        drawing = true;
        pad.setPointerCapture(event.pointerId);
        draw(`M${point(event)}`);
    });
    pad.addEventListener("pointermove", (event) => {
        if (drawing) draw(`L${point(event)}`);
    });
    pad.addEventListener("pointerup", () => { drawing = false; });
    pad.parentElement.querySelector("[data-clear]").addEventListener("click", () => {
        field.value = "";
        path.setAttribute("d", "");
    });
});
