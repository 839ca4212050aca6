// Before anything is painted: the theme that was chosen here.
(() => {
  try {
    const theme = localStorage.getItem("launcher-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // No storage here: the page follows the system.
  }
})();
