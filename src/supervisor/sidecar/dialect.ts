import type { IncomingHttpHeaders } from 'node:http';
import type { RpcCall, RpcError } from './rpc.ts';

/** One way of saying in JSON-RPC what an agent wants of the sidecar. */
export interface Dialect {
  /** Gives what a call is answered with. @throws what `toRpcError` puts into words for the agent */
  perform(call: RpcCall): Promise<unknown>;
  /** Why a request with these headers is not read at all. */
  refusal(headers: IncomingHttpHeaders): RpcError | undefined;
  /** The HTTP status of a request to which there is nothing to say. */
  readonly silentStatus: number;
}
