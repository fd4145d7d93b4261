// The page is complete without this: it filters rows, and folds the cases of a row away until they are asked for.
"use strict";
const chosen = (id) => document.getElementById(id);
const rows = [...document.querySelectorAll("tbody.of-row")];
const filter = () => {
  const [failed, different] = [chosen("only-failed").checked, chosen("only-different").checked];
  const [family, level] = [chosen("family").value, chosen("level").value];
  for (const row of rows) row.hidden = (failed && !("failed" in row.dataset)) || (different && !("different" in row.dataset))
    || (family && row.dataset.family !== family) || (level && row.dataset.level !== level);
  for (const head of document.querySelectorAll("tbody.of-family"))
    head.hidden = !rows.some((row) => row.id && !row.hidden && row.dataset.family === head.dataset.family);
  const listed = rows.filter((row) => row.id);
  chosen("left").textContent = `${listed.filter((row) => !row.hidden).length} of ${listed.length} rows`;
};
const fold = (row, open) => {
  row.classList.toggle("folded", !open);
  row.querySelector("button.many").setAttribute("aria-expanded", String(open));
};
for (const row of rows) {
  const many = row.querySelector(".many");
  if (!many || !row.querySelector("tr.case")) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "many";
  button.textContent = many.textContent;
  button.addEventListener("click", () => fold(row, row.classList.contains("folded")));
  many.replaceWith(button);
  fold(row, false);
}
chosen("all-cases").addEventListener("click", (event) => {
  const open = event.target.getAttribute("aria-pressed") !== "true";
  event.target.setAttribute("aria-pressed", String(open));
  event.target.textContent = open ? "fold the cases" : "show every case";
  for (const row of rows) if (row.querySelector("button.many")) fold(row, open);
});
for (const id of ["only-failed", "only-different", "family", "level"]) chosen(id).addEventListener("change", filter);
document.querySelector(".filters").hidden = false;
filter();
