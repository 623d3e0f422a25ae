// The code of the invitation stands behind the #, which browsers send to nobody.
const field = document.querySelector("input[name=code]");
if (location.hash.length > 1 && !field.value) {
  field.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}
