// Sets the theme before the first paint. It is a file of its own because the page allows no scripts within it.
(() => {
  var wish = null;
  try {
    wish = localStorage.getItem("waybill.theme");
  } catch (_) {
    // without storage the system decides
  }
  var dark = wish === "dark" || (wish !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
