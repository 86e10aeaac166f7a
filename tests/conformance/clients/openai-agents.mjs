// @openai/agents: asks server/discover first.
import { MCPServerStdio, MCPServerStreamableHttp } from "@openai/agents";
import { command, headers, play, url } from "./common.mjs";

const server = url ? new MCPServerStreamableHttp({ url: url.href, name: "countersign", requestInit: { headers } })
                   : new MCPServerStdio({ name: "countersign", ...command });
await server.connect();
await play(async () => (await server.listTools()).map((t) => t.name),
           async (name, args) => (await server.callTool(name, args))[0].text,
           () => server.close());
