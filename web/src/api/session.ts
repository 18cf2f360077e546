// The API key with which the dashboard is signed in. It is kept in this browser's storage, shared by its tabs, until
// somebody signs out; the page's Content-Security-Policy lets no foreign script near it.

const place = "waybill.key";
const listeners = new Set<() => void>();

let key = read();

function read(): string {
  try {
    return localStorage.getItem(place) ?? "";
  } catch {
    return ""; // without storage one is signed in until the page is left
  }
}

/** The key, empty when nobody is signed in. */
export const sessionKey = () => key;

/** Signs in with a key, or out with an empty one. */
export function setSession(next: string) {
  key = next;
  try {
    if (next) localStorage.setItem(place, next);
    else localStorage.removeItem(place);
  } catch {
    // kept for this page only
  }
  for (const l of listeners) l();
}

/** Tells when somebody signs in or out, in this tab or another. */
export function onSession(listener: () => void) {
  const heard = (e: StorageEvent) => {
    if (e.key !== place) return;
    key = e.newValue ?? "";
    listener();
  };
  listeners.add(listener);
  addEventListener("storage", heard);
  return () => {
    listeners.delete(listener);
    removeEventListener("storage", heard);
  };
}
