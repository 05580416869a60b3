// What the snippets use of Express, on Node's own server: app.use, res.append and res.locals.
// Run as  node express.mjs SNIPPET ; prints its port.
import { readFileSync } from "node:fs";
import { createServer, ServerResponse } from "node:http";

const chain = [];
const app = { use: (middleware) => chain.push(middleware) };

ServerResponse.prototype.append = function (name, value) {
  this.setHeader(name, [this.getHeader(name) ?? [], value].flat());
};

const snippet = `export default (app) => {\n${readFileSync(process.argv[2])}\n}`;
const paste = await import(`data:text/javascript,${encodeURIComponent(snippet)}`);
paste.default(app);

app.use((req, res) => {
  res.statusCode = req.url === "/" ? 200 : 404;
  res.end();
});

const server = createServer((req, res) => {
  res.locals = {};
  const run = (index) => chain[index](req, res, () => run(index + 1));
  run(0);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
