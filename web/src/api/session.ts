// Who acts. The session is a cookie that no script can read; what is kept here is only that this browser has signed in, told to
// all its tabs, and at which merchant this tab acts.

const signedInAt = "waybill.signed-in";
const merchantAt = "waybill.merchant";
const listeners = new Set<() => void>();

let mark = kept(() => localStorage.getItem(signedInAt));
// A page that is opened from another begins at the same merchant.
let merchant = kept(() => sessionStorage.getItem(merchantAt) ?? localStorage.getItem(merchantAt));

function kept(read: () => string | null): string {
  try {
    return read() ?? "";
  } catch {
    return ""; // without storage it holds until the page is left
  }
}

function keep(storage: () => Storage, place: string, value: string) {
  try {
    if (value) storage().setItem(place, value);
    else storage().removeItem(place);
  } catch {
    // kept for this page only
  }
}

function tell() {
  for (const l of listeners) l();
}

/** A mark of the sign-in, another one for each; empty when nobody is signed in. */
export const session = () => mark;

function become(next: string) {
  mark = next;
  keep(() => localStorage, signedInAt, next);
  tell();
}

/** Notes that the server has opened a session. */
export const signedIn = () => become(String(Date.now()));

/** Notes that there is no session any more. */
export const signedOut = () => become("");

/** The merchant at which this tab acts; empty for the server's choice. */
export const chosenMerchant = () => merchant;

/** Has this tab act at a merchant, or, with an empty one, where the server thinks. */
export function chooseMerchant(next: string) {
  if (next === merchant) return;
  merchant = next;
  keep(() => sessionStorage, merchantAt, next);
  keep(() => localStorage, merchantAt, next);
  tell();
}

/** Tells when somebody signs in or out, in this tab or another, and when another merchant is chosen in this one. */
export function onSession(listener: () => void) {
  const heard = (e: StorageEvent) => {
    if (e.key !== signedInAt) return;
    mark = e.newValue ?? "";
    listener();
  };
  listeners.add(listener);
  addEventListener("storage", heard);
  return () => {
    listeners.delete(listener);
    removeEventListener("storage", heard);
  };
}
