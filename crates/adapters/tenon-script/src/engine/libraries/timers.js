// setTimeout on the time of one call: the runner sleeps until the next timer is due, within the
// call's limit.
(function () {
  const waiting = [];
  let last = 0;
  const before = (a, b) => a.due - b.due || a.id - b.id;
  return {
    setTimeout(callback, delay = 0, ...args) {
      if (typeof callback !== "function") throw new TypeError("setTimeout needs a function");
      const due = Date.now() + Math.max(0, Number(delay) || 0);
      waiting.push({ id: ++last, due, callback, args });
      waiting.sort(before);
      return last;
    },
    clearTimeout(id) {
      const at = waiting.findIndex((timer) => timer.id === id);
      if (at >= 0) waiting.splice(at, 1);
    },
    wait: () => (waiting.length ? Math.max(0, waiting[0].due - Date.now()) : undefined),
    fire() {
      const { callback, args } = waiting.shift();
      callback(...args);
    },
  };
})
