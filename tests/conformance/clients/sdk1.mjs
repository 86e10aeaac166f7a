// @modelcontextprotocol/sdk 1.x: the handshake of 2025-11-25, first id 0.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { command, headers, play, url } from "./common.mjs";

const client = new Client({ name: "sdk1", version: "1" });
await client.connect(url ? new StreamableHTTPClientTransport(url, { requestInit: { headers } })
                         : new StdioClientTransport(command));
await play(async () => (await client.listTools()).tools.map((t) => t.name),
           async (name, args) => (await client.callTool({ name, arguments: args })).content[0].text,
           () => client.close());
