"""Watches from inside a page, from before its first script, what a script on it must not do."""

# As an init script. ``watched`` then holds ``reads`` (each call and getter that makes the browser work out the layout;
# ``names`` are all it knows), ``listeners`` (the types listened to) and ``shifts`` (the layout shifts so far).
WATCH = """
{
  const watched = window.watched = {names: [], reads: [], listeners: [], shifts: []};
  const box = ['Top', 'Left', 'Width', 'Height'];
  const layout = [
    [HTMLElement.prototype, [...box.map(side => 'offset' + side), 'offsetParent', 'innerText', 'focus']],
    [Element.prototype, [
      ...box.map(side => 'client' + side), ...box.map(side => 'scroll' + side), 'getBoundingClientRect',
      'getClientRects', 'scroll', 'scrollTo', 'scrollBy', 'scrollIntoView', 'checkVisibility',
    ]],
    [Range.prototype, ['getBoundingClientRect', 'getClientRects']],
    [MouseEvent.prototype, ['layerX', 'layerY', 'offsetX', 'offsetY']],
    [Document.prototype, ['elementFromPoint', 'elementsFromPoint', 'caretRangeFromPoint', 'scrollingElement']],
    [VisualViewport.prototype, ['offsetLeft', 'offsetTop', 'pageLeft', 'pageTop', 'width', 'height', 'scale']],
    [window, [
      'getComputedStyle', 'innerWidth', 'innerHeight', 'scrollX', 'scrollY', 'pageXOffset', 'pageYOffset',
      'scroll', 'scrollTo', 'scrollBy', 'matchMedia',
    ]],
  ];
  const wrap = (target, name) => {
    watched.names.push(name);
    const own = Object.getOwnPropertyDescriptor(target, name);
    const seen = original => function (...told) {
      watched.reads.push(name);
      return original.apply(this, told);
    };
    for (const way of ['get', 'set', 'value']) if (typeof own[way] == 'function') own[way] = seen(own[way]);
    Object.defineProperty(target, name, own);
  };
  for (const [target, names] of layout) for (const name of names) wrap(target, name);

  const listen = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (type, ...told) {
    watched.listeners.push(type);
    return listen.call(this, type, ...told);
  };
  new PerformanceObserver(seen => watched.shifts.push(...seen.getEntries().map(entry => entry.value)))
    .observe({type: 'layout-shift', buffered: true});
}
"""
