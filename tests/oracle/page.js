// Runs first in every frame, outside the page's own policy: tries what the page was made to try, and says what happened.
(() => {
  if (window === top) return;
  const parameters = new URLSearchParams(location.search);
  // A frame that was refused holds an error page, in Firefox at the refused address, or what was there before.
  const isErrorPage = /^(chrome-error|about):/.test(document.documentURI);
  const id = parameters.get("page");
  if (id === null || isErrorPage) {
    const about = parameters.get("c") ?? window.name;
    if (about && !isErrorPage) top.postMessage({oracle: about, arrived: true, done: true}, "*");
    return;
  }

  const found = {loaded: false, ran: false};
  let isOver = false;
  addEventListener("securitypolicyviolation", ({effectiveDirective, blockedURI, disposition}) => {
    say({violation: {directive: effectiveDirective, blocked: blockedURI, disposition}});
    isOver = true;
  });
  for (const name of ["load", "loadedmetadata"]) {
    document.addEventListener(name, () => { found.loaded = isOver = true; }, true);
  }
  document.addEventListener("error", () => { isOver = true; }, true);

  const say = (what) => top.postMessage({oracle: id, ...what}, "*");
  const over = () => { isOver = true; };
  const ran = () => { window.ran = 1; };
  const inserted = (name, attributes) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const settled = (target, ...events) => events.forEach((name) => target.addEventListener(name, over));
  const blobOf = (trial) => URL.createObjectURL(new Blob([trial.text], {type: trial.type}));

  const actions = {
    click: () => document.getElementById("act").click(),
    submit: () => document.getElementById("act").submit(),
    insert: (trial) => {
      const element = inserted(trial.name, trial.attributes);
      if (trial.text) element.textContent = trial.text;
      document.body.append(element);
    },
    blob: (trial) => document.body.append(inserted(trial.name, {...trial.attributes, [trial.attribute]: blobOf(trial)})),
    fetch: (trial) => fetch(trial.url ?? blobOf(trial), {mode: "no-cors"}).finally(over),
    xhr: ({url}) => {
      const request = new XMLHttpRequest();
      settled(request, "loadend");
      request.open("GET", url);
      request.send();
    },
    beacon: ({url}) => { navigator.sendBeacon(url); setTimeout(over, 200); },
    eventsource: ({url}) => settled(new EventSource(url), "open", "error"),
    websocket: ({url}) => settled(new WebSocket(url), "open", "error"),
    font: ({url}) => new FontFace("probe", `url("${url}")`).load().finally(over),
    worker: (trial) => {
      const worker = new Worker(trial.url ?? blobOf(trial));
      worker.onmessage = ran;
      settled(worker, "error");
    },
    json: ({url}) => import(url, {with: {type: "json"}}).finally(over),
    import: ({url}) => import(url).finally(over),
    eval: ({text}) => (0, eval)(text),
    function: ({text}) => new Function(text)(),
    timeout: ({text}) => setTimeout(text, 0),
    wasm: () => { new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])); ran(); },
    trustedtypes: ({names}) => { for (const name of names) trustedTypes.createPolicy(name, {}); ran(); },
    sink: () => { document.createElement("div").innerHTML = "<b></b>"; ran(); },
    watch: () => {},
  };

  const isStyled = () => {
    const probe = document.getElementById("probe");
    return probe !== null && getComputedStyle(probe).color === "rgb(1, 2, 3)";
  };
  const look = () => {
    found.ran = window.ran === 1 || isStyled();
    found.base = document.baseURI;
    return isOver || found.ran || found.base !== location.href;
  };
  addEventListener("DOMContentLoaded", () => {
    say({isHere: true});
    const trial = JSON.parse(document.querySelector("meta[name=trial]").content);
    try {
      Promise.resolve(actions[trial.do](trial)).catch(over);
    } catch {
      over();
    }
    const deadline = performance.now() + 2500;
    const finish = () => { look(); say({...found, done: true}); };
    const poll = () => {
      // After the first sign there is time for one that contradicts it.
      if (look() || performance.now() > deadline) setTimeout(finish, 80);
      else setTimeout(poll, 20);
    };
    poll();
  });
})();
