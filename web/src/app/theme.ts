import { createTheme, type MantineColorsTuple } from "@mantine/core";
import { useSyncExternalStore } from "react";

// Shade 8 carries white text in both themes (7.0:1).
const waybill: MantineColorsTuple = [
  "#e6effc",
  "#d0e1fa",
  "#a5c6f5",
  "#76a8f0",
  "#4f8dea",
  "#3579e2",
  "#2a6ed8",
  "#2064ca",
  "#1a5dbe",
  "#144a9a",
];

export const mantineTheme = createTheme({
  primaryColor: "waybill",
  primaryShade: { light: 8, dark: 8 },
  colors: { waybill },
  fontFamily: "inherit",
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, monospace',
  defaultRadius: 6,
  cursorType: "pointer",
  respectReducedMotion: true,
  focusRing: "auto",
  components: {
    // A menu stands where its button is, within the page's landmarks, and begins with its first item.
    Menu: { defaultProps: { withinPortal: false, withInitialFocusPlaceholder: false, floatingStrategy: "fixed" } },
  },
});

export type Scheme = "light" | "dark";

const place = "waybill.theme";
const listeners = new Set<() => void>();
const shown = (): Scheme =>
  document.documentElement.getAttribute("data-mantine-color-scheme") === "dark" ? "dark" : "light";

function show(scheme: Scheme) {
  document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
  for (const l of listeners) l();
}

function chosen(): string | null {
  try {
    return localStorage.getItem(place);
  } catch {
    return null;
  }
}

// Without a choice the page follows the system, also while it is open.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (e) => {
  if (!chosen()) show(e.matches ? "dark" : "light");
});

/** Shows a theme and remembers the choice. */
export function setScheme(scheme: Scheme) {
  try {
    localStorage.setItem(place, scheme);
  } catch {
    // kept for this page only
  }
  show(scheme);
}

/** The theme that is shown. */
export const useScheme = () =>
  useSyncExternalStore((l) => {
    listeners.add(l);
    return () => listeners.delete(l);
  }, shown);
