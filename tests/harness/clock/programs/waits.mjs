// Waits in the ways that Node programs wait, and says how long each wait took by the program's own clock.
//
// node waits.mjs KIND SECONDS COUNT: prints "ready", reads a line, then prints one figure for each wait.
import http from "node:http";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const silent = net.createServer(() => {});
await new Promise((listening) => silent.listen(0, "127.0.0.1", listening));
const url = `http://127.0.0.1:${silent.address().port}/`;

const kinds = {
  setTimeout: (seconds) => sleep(seconds * 1000),
  setInterval: (seconds) =>
    new Promise((done) => {
      let ticks = 0;
      const timer = setInterval(() => {
        ticks += 1;
        if (ticks === 4) {
          clearInterval(timer);
          done();
        }
      }, (seconds * 1000) / 4);
    }),
  fetch: (seconds) => fetch(url, { signal: AbortSignal.timeout(seconds * 1000) }).catch(() => {}),
  http: (seconds) =>
    new Promise((done) => {
      const request = http.get(url, { timeout: seconds * 1000, agent: false });
      request.on("timeout", () => request.destroy());
      request.on("error", done);
    }),
};

const [kind, seconds, count] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
if (kind === "fetch") await kinds.fetch(0.05); // the first one loads the client
console.log("ready");
await new Promise((line) => process.stdin.once("data", line));
for (let i = 0; i < count; i += 1) {
  const begun = performance.now();
  await kinds[kind](seconds);
  console.log(((performance.now() - begun) / 1000).toFixed(6));
}
process.exit(0);
