// A Worker's runtime as far as its fetch handler goes: Node has the same Request, Response and fetch.
// Run as  node worker.mjs MODULE ORIGIN [SECRET] ; prints its port.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [, , path, origin, secret] = process.argv;
const worker = (await import(pathToFileURL(path))).default;

const server = createServer(async (incoming, outgoing) => {
  try {
    const answer = await worker.fetch(new Request(origin + incoming.url), { CSP_NONCE_MARK: secret });
    outgoing.writeHead(answer.status, [...answer.headers].flat());
    outgoing.end(await answer.text());
  } catch (error) {
    outgoing.writeHead(500);
    outgoing.end(String(error));
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
