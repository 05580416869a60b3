// Runs first in every frame, outside the page's own policy: tries what the page was made to try, and says what happened.
(() => {
  if (window === top) return;
  const parameters = new URLSearchParams(location.search);
  // A frame that was refused holds an error page, in Firefox at the refused address, or what was there before.
  const isAboutPage = () => /^(chrome-error|about):/.test(document.documentURI);
  const isErrorPage = isAboutPage();
  const id = parameters.get("page");
  if (id === null || isErrorPage) {
    const arrive = () => {
      if (isAboutPage()) return;
      const {searchParams} = new URL(location.href);
      const about = searchParams.get("c") ?? window.name;
      if (searchParams.has("page")) top.postMessage({oracle: searchParams.get("page"), isHere: true}, "*");
      else if (about) top.postMessage({oracle: about, arrived: true, done: true}, "*");
    };
    arrive();
    // In Firefox a document of the framing origin takes the place of the empty one in its frame, and runs nothing first.
    if (isErrorPage) addEventListener("DOMContentLoaded", arrive);
    // A document written into a frame has the policy of its parent, and tells of it in the parent's name.
    addEventListener("securitypolicyviolation", ({effectiveDirective, blockedURI, disposition}) => {
      if (document.documentURI !== "about:srcdoc") return;
      const violation = {directive: effectiveDirective, blocked: blockedURI, disposition};
      top.postMessage({oracle: window.name, violation}, "*");
    });
    return;
  }

  const found = {loaded: false, ran: false, threw: false, failed: false};
  let isOver = false;
  addEventListener("securitypolicyviolation", ({effectiveDirective, blockedURI, disposition}) => {
    say({violation: {directive: effectiveDirective, blocked: blockedURI, disposition}});
    isOver = true;
  });
  for (const name of ["load", "loadedmetadata"]) {
    document.addEventListener(name, () => { found.loaded = isOver = true; }, true);
  }
  document.addEventListener("error", ({target}) => {
    isOver = true;
    found.failed ||= target.localName === "link";
  }, true);
  // Speculation rules show no effect, but the browser complains of those it cannot read, once it may read them.
  addEventListener("error", (event) => { found.threw ||= event instanceof ErrorEvent; });

  const say = (what) => top.postMessage({oracle: id, ...what}, "*");
  const over = () => { isOver = true; };
  const failed = () => { found.failed = isOver = true; };
  const ran = () => { window.ran = 1; };
  const inserted = (name, attributes) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const settled = (target, ...events) => events.forEach((name) => target.addEventListener(name, over));
  const blobOf = (trial) => URL.createObjectURL(new Blob([trial.text], {type: trial.type}));

  const startWorker = (url, options) => {
    const worker = new Worker(url, options);
    worker.onmessage = ran;
    settled(worker, "error");
  };
  const codeOf = ({text, isTrusted}) =>
    isTrusted ? trustedTypes.createPolicy("oracle", {createScript: (code) => code}).createScript(text) : text;

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
    worker: (trial) => startWorker(trial.url ?? blobOf(trial)),
    moduleworker: ({url}) => startWorker(url, {type: "module"}),
    sharedworker: ({url}) => {
      const worker = new SharedWorker(url);
      worker.port.onmessage = over;
      settled(worker, "error");
    },
    serviceworker: ({url}) => navigator.serviceWorker.register(url).finally(over),
    audioworklet: ({url}) => new OfflineAudioContext(1, 1, 8000).audioWorklet.addModule(url).then(over, failed),
    paintworklet: ({url}) => CSS.paintWorklet.addModule(url).then(over, failed),
    background: ({url}) => { document.body.style.backgroundImage = `url("${url}")`; },
    json: ({url}) => import(url, {with: {type: "json"}}).finally(over),
    import: ({url}) => import(url).finally(over),
    eval: (trial) => (0, eval)(codeOf(trial)),
    function: (trial) => new Function(codeOf(trial))(),
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
