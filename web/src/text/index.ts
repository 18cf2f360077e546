// The texts of the dashboard. English is the catalogue; another language is one more file of the same shape, listed here.

import { useSyncExternalStore } from "react";
import { en } from "./en";

export type Texts = typeof en;

/** The languages there are, by code, with their own names. */
export const languages = { en: "English", de: "Deutsch" } as const;
export type Language = keyof typeof languages;

const others: Record<Exclude<Language, "en">, () => Promise<Texts>> = {
  de: () => import("./de").then((m) => m.de),
};

const place = "waybill.language";
const listeners = new Set<() => void>();

let language: Language = "en";
let catalogue: Texts = en;
let region = "en-GB";

/** The texts in the language of now, for code outside of components. */
export const text = () => catalogue;

/** The locale for Intl: the viewer's own variant of the language. */
export const locale = () => region;

export const currentLanguage = () => language;

/** The texts for a component, which is drawn anew when the language changes. */
export function useText(): Texts {
  return useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    () => catalogue,
  );
}

function isLanguage(code: string): code is Language {
  return code in languages;
}

function wished(): Language {
  let kept: string | null = null;
  try {
    kept = localStorage.getItem(place);
  } catch {
    // without storage the browser's languages decide
  }
  for (const code of [kept ?? "", ...navigator.languages.map((l) => l.slice(0, 2))]) if (isLanguage(code)) return code;
  return "en";
}

/** Shows everything in a language and remembers the choice. */
export async function setLanguage(next: Language) {
  try {
    localStorage.setItem(place, next);
  } catch {
    // kept for this page only
  }
  await show(next);
}

async function show(next: Language) {
  catalogue = next === "en" ? en : await others[next]();
  language = next;
  region = navigator.languages.find((l) => l.slice(0, 2) === next) ?? (next === "en" ? "en-GB" : next);
  document.documentElement.lang = next;
  for (const l of listeners) l();
}

/** Shows the language that was chosen, or the first of the browser's that there is. A language that cannot be loaded leaves English. */
export const startLanguage = () => show(wished()).catch(() => {});
