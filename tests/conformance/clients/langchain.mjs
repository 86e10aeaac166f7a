// @langchain/mcp-adapters: the handshake, `tools/list` with empty params.
import { MultiServerMCPClient } from "@langchain/mcp-adapters";
import { command, headers, play, url } from "./common.mjs";

const client = new MultiServerMCPClient({ throwOnLoadError: true, mcpServers: {
  shop: url ? { transport: "http", url: url.href, headers } : { transport: "stdio", ...command } } });
const tools = await client.getTools();

// An error of a tool is thrown here; its text is what the model gets.
async function call(name, args) {
  try {
    const result = await tools.find((t) => t.name === name).invoke(args);
    return typeof result === "string" ? result : (result.text ?? result[0].text);
  } catch (error) {
    return error.message.slice(error.message.indexOf("{"));
  }
}
await play(async () => tools.map((t) => t.name), call, () => client.close());
