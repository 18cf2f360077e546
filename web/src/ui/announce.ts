// What happens is told to screen readers once, through one polite live region that is there from the start.

let region: HTMLElement | undefined;

/** Makes the region; called once at the start. */
export function makeAnnouncer() {
  region = document.createElement("div");
  region.className = "sr-only";
  region.setAttribute("role", "status");
  region.setAttribute("aria-live", "polite");
  document.body.append(region);
}

/** Says a sentence to screen readers. */
export function announce(sentence: string) {
  if (region) region.textContent = sentence;
}
