// @modelcontextprotocol/client 2.x in its three ways to find the era.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { command, headers, mode, play, url } from "./common.mjs";

const modes = { legacy: "legacy", auto: "auto", modern: { pin: "2026-07-28" } };
const client = new Client({ name: "sdk2", version: "1" }, { versionNegotiation: { mode: modes[mode] } });
await client.connect(url ? new StreamableHTTPClientTransport(url, { requestInit: { headers } })
                         : new StdioClientTransport(command));
await play(async () => (await client.listTools()).tools.map((t) => t.name),
           async (name, args) => (await client.callTool({ name, arguments: args })).content[0].text,
           () => client.close());
