// Shortcuts of single keys. They are never active in fields, menus and dialogs, and can be turned off (WCAG 2.1.4).

import { useEffect, useRef } from "react";

const place = "waybill.shortcuts";

/** Whether single-key shortcuts are on. */
export function shortcutsOn(): boolean {
  try {
    return localStorage.getItem(place) !== "off";
  } catch {
    return true;
  }
}

/** Turns single-key shortcuts on or off in this browser. */
export function setShortcuts(on: boolean) {
  try {
    localStorage.setItem(place, on ? "on" : "off");
  } catch {
    // they stay as they are
  }
}

/** What keys do: a key, "Shift+X", "Mod+A" (Ctrl, or Cmd on a Mac), or two keys one after the other as "g o". */
export type Shortcuts = Record<string, ((e: KeyboardEvent) => void) | undefined>;

function typing(e: KeyboardEvent): boolean {
  const el = e.target instanceof Element ? e.target : null;
  return !!el?.closest("input:not([type=checkbox]), textarea, select, [contenteditable], [role=menu], dialog:modal");
}

function nameOf(e: KeyboardEvent): string {
  const { key } = e;
  if (e.ctrlKey || e.metaKey) return `Mod+${key.toUpperCase()}`;
  if (e.shiftKey && /^[a-z]$/i.test(key)) return `Shift+${key.toUpperCase()}`;
  return key;
}

let first = ""; // the first key of two, for a second and a half
let firstAt = 0;

/** Listens to shortcuts while the component is shown. */
export function useShortcuts(shortcuts: Shortcuts) {
  const now = useRef(shortcuts);
  now.current = shortcuts;
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (e.defaultPrevented || e.altKey || typing(e)) return;
      const name = nameOf(e);
      const plain = name.length === 1 || name.startsWith("Shift+");
      if (plain && !shortcutsOn()) return;
      const pair = first && e.timeStamp - firstAt < 1500 ? `${first} ${name}` : "";
      const act = now.current[pair] ?? (pair && first === "g" ? undefined : now.current[name]);
      if (act) {
        e.preventDefault();
        act(e);
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}

// One listener remembers the key before, whoever else listens.
addEventListener("keydown", (e) => {
  if (typing(e)) return;
  setTimeout(() => {
    first = e.key;
    firstAt = e.timeStamp;
  });
});
