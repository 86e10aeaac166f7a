// @ai-sdk/mcp: asks server/discover first.
import { createMCPClient } from "@ai-sdk/mcp";
import { Experimental_StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio";
import { command, headers, play, url } from "./common.mjs";

const client = await createMCPClient({
  transport: url ? { type: "http", url: url.href, headers } : new Experimental_StdioMCPTransport(command) });
const tools = await client.tools();
await play(async () => Object.keys(tools),
           async (name, args) => (await tools[name].execute(args, { toolCallId: "1", messages: [] })).content[0].text,
           () => client.close());
