/* Sets the colour scheme before the first paint, so that a dark screen never flashes white. A file of its own, because the
   content security policy forbids inline scripts. The key is the one in src/shell/theme.ts. */
(function () {
  var chosen = 'auto'
  try {
    chosen = window.localStorage.getItem('treadle-colour-scheme') || 'auto'
  } catch (refused) {
    // Storage is switched off: follow the system.
  }
  var dark = chosen === 'dark' || (chosen !== 'light' && window.matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light')
})()
