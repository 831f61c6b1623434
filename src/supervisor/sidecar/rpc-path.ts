/** Where the sidecar takes JSON-RPC requests on its socket. */
export const rpcPath = '/rpc';
