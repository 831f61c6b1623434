/** Where the sidecar takes JSON-RPC requests at the bottle's door. */
export const rpcPath = '/rpc';

/** Where the sidecar offers the same calls as tools over MCP. */
export const mcpPath = '/mcp';
