import * as z from 'zod/mini';
import { reasonOf, toRpcError } from './call-error.ts';
import type { Calls } from './calls.ts';
import type { Dialect } from './dialect.ts';
import { RpcError, errorCodes } from './rpc.ts';
import { listTools } from './tools.ts';

/**
 * The calls as tools of the Model Context Protocol: stateless Streamable HTTP that answers each POST with JSON. It keeps no
 * session, opens no stream, and asks nothing of the client, so that `initialize` only says what there is.
 */

/** Newest first. They differ in nothing that is used here. */
const versions: readonly [string, ...string[]] = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
];

const instructions =
  'Your issue and your pull request on the forge. You may read everything in this repository, and write to your own issue and your own pull request. Call signal_done once, at the very end.';

const toolCall = z.object({
  name: z.string(),
  arguments: z.optional(z.record(z.string(), z.unknown())),
});

const initialize = z.object({ protocolVersion: z.string() });

export function createMcpDialect(calls: Calls): Dialect {
  async function callTool(params: unknown): Promise<unknown> {
    const parsed = toolCall.safeParse(params);
    if (!parsed.success) {
      const error = new RpcError(
        errorCodes.invalidParams,
        'InvalidParams',
        'tools/call takes the name of a tool, and its arguments as an object.',
      );
      await calls.recordRefusal(reasonOf(error));
      throw error;
    }
    const { name, arguments: named } = parsed.data;
    try {
      return toolResult(await calls.perform({ method: name, params: named }));
    } catch (error) {
      const { code, message, data } = toRpcError(error);
      if (code === errorCodes.methodNotFound) {
        throw new RpcError(errorCodes.invalidParams, data.name, message);
      }
      return { content: [{ type: 'text', text: message }], isError: true };
    }
  }

  return {
    async perform({ method, params }) {
      switch (method) {
        case 'initialize':
          return {
            protocolVersion: negotiate(params),
            capabilities: { tools: {} },
            serverInfo: { name: 'bot-bottle', title: 'Issue and pull request', version: '1' },
            instructions,
          };
        case 'ping':
          return {};
        case 'tools/list':
          return { tools: listTools() };
        case 'tools/call':
          return callTool(params);
        default:
          if (method.startsWith('notifications/')) {
            return {};
          }
          throw new RpcError(
            errorCodes.methodNotFound,
            'MethodNotFound',
            'There is no MCP method of that name here. There are initialize, ping, tools/list, tools/call.',
          );
      }
    },
    refusal({ 'mcp-protocol-version': version }) {
      return version === undefined || versions.includes(String(version))
        ? undefined
        : new RpcError(
            errorCodes.invalidRequest,
            'UnsupportedProtocolVersion',
            `Unsupported protocol version. There are ${versions.join(', ')}.`,
          );
    },
    silentStatus: 202,
  };
}

/** The version that the client asks for, or else the newest: then it may leave. */
function negotiate(params: unknown): string {
  const { data } = initialize.safeParse(params);
  return data !== undefined && versions.includes(data.protocolVersion)
    ? data.protocolVersion
    : versions[0];
}

/** As text for clients that show it, and as the object that structured content has to be. */
function toolResult(result: unknown): unknown {
  const structuredContent = Array.isArray(result) ? { comments: result } : result;
  return {
    content: [{ type: 'text', text: JSON.stringify(structuredContent) }],
    structuredContent,
  };
}
