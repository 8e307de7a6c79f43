// Defines what a function finds besides the language, each thing made when first read.
(function (internals, natives, load) {
  const lazy = (target, name, make) =>
    Object.defineProperty(target, name, {
      configurable: true,
      enumerable: target !== globalThis,
      get() {
        const value = make();
        Object.defineProperty(target, name, { value, writable: true });
        return value;
      },
      set(value) {
        Object.defineProperty(target, name, { value, writable: true });
      },
    });
  const loaded = {};
  const part = (name) => (loaded[name] ??= load(name)(natives[name]));
  const libraries = {};
  for (const name of ["text", "collection", "date", "crypto", "encoding", "csv", "xml"]) {
    lazy(libraries, name, () => part(name));
  }
  for (const name of ["setTimeout", "clearTimeout"]) {
    lazy(globalThis, name, () => (internals.timers = part("timers"))[name]);
  }
  for (const name of ["btoa", "atob", "URLSearchParams", "TextEncoder", "TextDecoder",
    "structuredClone"]) {
    lazy(globalThis, name, () => part("web")[name]);
  }
  internals.libraries = libraries;
})
