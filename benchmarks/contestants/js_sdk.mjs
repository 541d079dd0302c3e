// AWS's SDK for JavaScript v3: the scenarios of benchmarks/worker.py, printed in the same form.
import { performance } from "node:perf_hooks";
import http from "node:http";
import https from "node:https";
import {
  InvokeEndpointCommand,
  InvokeEndpointWithResponseStreamCommand,
  SageMakerRuntimeClient,
} from "@aws-sdk/client-sagemaker-runtime";

const PASSES = 3; // over a stream, of which the best counts, as in benchmarks/worker.py
const WARM_UP_ROUNDS = 2; // until V8 has compiled what is hot, which counts as CPU time of the process

const [url, text] = process.argv.slice(2);
const scenario = JSON.parse(text);
const connections = { keepAlive: true, maxSockets: scenario.connections ?? 128 };
const client = new SageMakerRuntimeClient({
  region: "us-east-1",
  endpoint: url,
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret", sessionToken: "t".repeat(300) },
  requestHandler: { httpAgent: new http.Agent(connections), httpsAgent: new https.Agent(connections) },
});

const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const percentile = (ordered, share) => ordered[Math.min(ordered.length - 1, Math.floor(ordered.length * share))];
const percentiles = (times) => {
  times.sort((a, b) => a - b);
  return Object.fromEntries([50, 90, 99].map((share) => [`p${share}`, percentile(times, share / 100) * 1e3]));
};

async function invoke(endpoint, body) {
  const answer = await client.send(new InvokeEndpointCommand({ EndpointName: endpoint, Body: body }));
  return answer.Body.length;
}

async function stream(endpoint, onFirst, onHead) {
  const answer = await client.send(
    new InvokeEndpointWithResponseStreamCommand({ EndpointName: endpoint, Body: Buffer.from("{}") }),
  );
  onHead?.();
  let events = 0;
  for await (const _ of answer.Body) {
    if (events === 0) onFirst?.();
    events += 1;
  }
  return events;
}

const scenarios = {
  async invoke() {
    const body = Buffer.alloc(scenario.body, "x");
    const latencies = [];
    const run = async (operations, keep) => {
      let left = operations;
      const caller = async () => {
        while (left-- > 0) {
          const begun = performance.now();
          await invoke(scenario.endpoint, body);
          if (keep) latencies.push(performance.now() - begun);
        }
      };
      await Promise.all(Array.from({ length: scenario.concurrency }, caller));
    };
    await run(Math.max(scenario.concurrency * 3, scenario.operations * WARM_UP_ROUNDS), false);
    const [cpu, wall] = [cpuSeconds(), performance.now()];
    await run(scenario.operations, true);
    return {
      cpu: ((cpuSeconds() - cpu) / scenario.operations) * 1e6,
      throughput: (scenario.operations / (performance.now() - wall)) * 1e3,
      ...percentiles(latencies),
      rss: process.memoryUsage.rss(),
    };
  },

  async stream() {
    const all = (endpoint) => Promise.all(Array.from({ length: scenario.streams }, () => stream(endpoint)));
    await all(scenario.warm_up);
    const events = scenario.events * scenario.streams;
    const best = { cpu: Infinity, throughput: 0 };
    for (let pass = 0; pass < PASSES; pass++) {
      const [cpu, wall] = [cpuSeconds(), performance.now()];
      await all(scenario.endpoint);
      best.cpu = Math.min(best.cpu, ((cpuSeconds() - cpu) / events) * 1e6);
      best.throughput = Math.max(best.throughput, (events / (performance.now() - wall)) * 1e3);
    }
    return { ...best, rss: process.memoryUsage.rss() };
  },

  async first() {
    const [heads, events] = [[], []];
    for (let turn = 0; turn < scenario.operations + 20; turn++) {
      const begun = performance.now();
      let head, event;
      await stream(
        scenario.endpoint,
        () => (event = performance.now()),
        () => (head = performance.now()),
      );
      if (turn >= 20) {
        heads.push(head - begun);
        events.push(event - begun);
      }
    }
    return { ...percentiles(events), head_p50: percentiles(heads).p50 };
  },

  async cold() {
    await invoke(scenario.endpoint, Buffer.alloc(scenario.body, "x"));
    const wall = Number(process.hrtime.bigint()) / 1e9 - scenario.started; // of the clock that Python calls monotonic
    return { cpu: cpuSeconds() * 1e6, wall: wall * 1e6, rss: process.memoryUsage.rss() };
  },
};

console.log(JSON.stringify(await scenarios[scenario.kind]()));
client.destroy();
process.exit(0);
