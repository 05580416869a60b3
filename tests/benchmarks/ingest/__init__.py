"""How fast reports are taken, beside servers that do less and servers that do it plainly."""
