// The page is complete without this: it opens what a link leads into, and puts a button beside each command.
"use strict";
const reveal = () => {
  let found = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const target = found;
  for (; found; found = found.parentElement) if (found.tagName === "DETAILS") found.open = true;
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", reveal);
reveal();
if (navigator.clipboard) for (const command of document.querySelectorAll(".command")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "copy";
  button.setAttribute("aria-label", "copy the command");
  button.addEventListener("click", () => navigator.clipboard.writeText(command.textContent).then(() => {
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  }));
  command.after(" ", button);
}
