/**
 * What Wix has signed, when it opens the dashboard within its own; taken out of the address, where it would be kept. Only Wix may frame
 * us: outside of a frame it is somebody's link, which would sign the visitor in at a shop of somebody else's.
 */
export function takeInstance(framed = window.self !== window.top): string {
  const url = new URL(location.href);
  const instance = url.searchParams.get("instance") ?? "";
  if (instance) {
    url.search = "";
    history.replaceState(history.state, "", url);
  }
  return framed ? instance : "";
}
