// What base.js is while nobody has moved it.
