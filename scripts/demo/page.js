for (const c of document.querySelectorAll(".compare")) {
  const input = c.querySelector("input");
  const move = () => c.style.setProperty("--at", input.value + "%");
  input.addEventListener("input", move);
  move();
}
