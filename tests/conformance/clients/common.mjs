// What every client script does: list the tools, read a row, propose a change.
// Usage: node <client>.mjs MODE stdio COMMAND [ARG...]
//        node <client>.mjs MODE http URL [TOKEN]
// Prints one JSON object, which test_clients.py compares.
export const [mode, transport, ...target] = process.argv.slice(2);
export const url = transport === "http" ? new URL(target[0]) : undefined;
export const headers = target[1] && transport === "http" ? { Authorization: `Bearer ${target[1]}` } : {};
export const command = { command: target[0], args: target.slice(1), env: process.env };

// The dotted name, or the alias that clients of OpenAI need.
export function find(names, name) {
  const found = names.find((n) => n === name || n.endsWith(name.replace(".", "__")));
  if (!found) throw new Error(`${name} is not among ${names}`);
  return found;
}

export const READ = ["billing.inspect_invoice", { invoice_id: "INV-3001" }];
export const PROPOSE = ["billing.propose_late_fee_waiver",
  { invoice_id: "INV-3001", reason: `asked for by ${process.argv[1].split("/").pop()} ${mode}`, fee: 0 }];

export async function play(list, call, end) {
  const names = await list();
  const results = [];
  for (const [name, args] of [READ, PROPOSE, [READ[0], { invoice_id: "none" }]]) {
    const value = await call(find(names, name), args);
    results.push(typeof value === "string" ? JSON.parse(value) : value);
  }
  await end();
  console.log(JSON.stringify({ names, read: results[0], proposal: results[1], miss: results[2] }));
  process.exit(0);
}
