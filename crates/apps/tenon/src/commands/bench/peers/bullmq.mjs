// BullMQ, driven by `tenon bench --peers`: a command a line comes in on standard input, and an
// answer of one line of JSON goes out for each. `bullmq-rust-driver` takes the same commands.
//
//   fill QUEUES JOBS               pushes in bulk: {"seconds"}
//   drain QUEUES JOBS CONCURRENCY  works off what waits; workers are connected before the clock
//                                  starts, and stay: {"seconds", "served"}
//   close                          closes the workers: {}
//   start RATE SECONDS             pushes singly into an idle worker: {"jobs", "p50", "p99"} in ms
//
// Arguments: the folder in which `bullmq` is installed, the socket of Redis. It ends with its input.
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [folder, socket] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const { Queue, Worker } = require('bullmq');
const { Redis } = require('ioredis');

/** Jobs of one push, and pushes under way at once. */
const BULK = 1_000;
const UNDER_WAY = 2;
/** Jobs that the worker of `start` may run at once. */
const START_CONCURRENCY = 100;
/** Workers that connect at once. */
const CONNECTING = 100;
/** Characters beside the id, so that a job's data is 256 bytes of JSON. */
const PAD = 'x'.repeat(256 - '{"id":"","pad":""}'.length - 36);

const connection = new Redis(socket, { maxRetriesPerRequest: null });
// Each worker and each queue listens on it.
connection.setMaxListeners(0);

const nameOf = (queue) => `queue-${queue}`;
const done = { removeOnComplete: true, removeOnFail: true };

async function fill(queues, jobs) {
  const pushes = [];
  for (let queue = 0; queue < queues; queue++) {
    const target = new Queue(nameOf(queue), { connection, defaultJobOptions: done });
    for (let left = Math.floor(jobs / queues); left > 0; left -= BULK) {
      pushes.push({ target, count: Math.min(left, BULK) });
    }
  }
  const started = performance.now();
  const pushing = Array.from({ length: UNDER_WAY }, async () => {
    for (let push = pushes.pop(); push; push = pushes.pop()) {
      const job = () => ({ name: 'job', data: { id: randomUUID(), pad: PAD } });
      await push.target.addBulk(Array.from({ length: push.count }, job));
    }
  });
  await Promise.all(pushing);
  return { seconds: seconds(started) };
}

let workers = [];

async function open(queues, concurrency, process) {
  for (let queue = 0; queue < queues; queue++) {
    const options = { connection, concurrency, autorun: false, removeOnComplete: { count: 0 } };
    const worker = new Worker(nameOf(queue), (job) => process(queue, job), options);
    worker.on('error', fail);
    workers.push(worker);
    // A socket takes so many that wait to be connected, and refuses the rest.
    if (queue % CONNECTING === CONNECTING - 1) await worker.waitUntilReady();
  }
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
}

async function drain(queues, jobs, concurrency) {
  let left = jobs;
  let waiting = queues;
  let served = 0;
  const isServed = new Array(queues).fill(false);
  let end;
  const ended = new Promise((resolve) => (end = resolve));
  let started;
  await open(queues, concurrency, async (queue) => {
    if (!isServed[queue]) {
      isServed[queue] = true;
      waiting -= 1;
      if (waiting === 0) served = seconds(started);
    }
    // A job counts when it runs: what its end costs is left out for the last few, in its favour.
    left -= 1;
    if (left === 0) end();
  });
  started = performance.now();
  for (const worker of workers) worker.run().catch(fail);
  await ended;
  return { seconds: seconds(started), served };
}

async function close() {
  await Promise.all(workers.map((worker) => worker.close()));
  workers = [];
  return {};
}

async function start(rate, length) {
  const jobs = rate * length;
  const waits = [];
  let end;
  const ended = new Promise((resolve) => (end = resolve));
  await open(1, START_CONCURRENCY, async (_, job) => {
    waits.push(performance.now() - job.data.at);
    if (waits.length === jobs) end();
  });
  workers[0].run().catch(fail);
  const queue = new Queue(nameOf(0), { connection, defaultJobOptions: done });
  await queue.waitUntilReady();
  const begun = performance.now();
  const pushes = [];
  while (pushes.length < jobs) {
    const due = Math.min(jobs, 1 + Math.floor(((performance.now() - begun) * rate) / 1_000));
    while (pushes.length < due) pushes.push(queue.add('job', { at: performance.now(), pad: PAD }));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(pushes);
  await ended;
  await close();
  waits.sort((a, b) => a - b);
  const at = (share) => waits[Math.min(waits.length - 1, Math.floor(waits.length * share))];
  return { jobs: waits.length, p50: at(0.5), p99: at(0.99) };
}

const seconds = (started) => (performance.now() - started) / 1_000;

function fail(error) {
  console.error(error);
  process.exit(1);
}

const commands = { fill, drain, close, start };
for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...numbers] = line.split(' ');
  try {
    console.log(JSON.stringify(await commands[command](...numbers.map(Number))));
  } catch (error) {
    fail(error);
  }
}
process.exit(0);
