// Fetches, since a worker has a policy of its own.
"use strict";

fetch("/data.json")
  .then((response) => response.json())
  .then(({ hello }) => postMessage(hello), () => postMessage("blocked"));
