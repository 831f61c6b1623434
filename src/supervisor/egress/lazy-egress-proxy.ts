import type { EgressSummary } from '../../domain/egress.ts';
import type { DoorProxy } from '../door.ts';
import type { EgressProxy, EgressProxyOptions } from './egress-proxy.ts';

export interface LazyEgressProxy extends DoorProxy {
  /** Undefined when it was never asked for anything. */
  summary(): Promise<EgressSummary | undefined>;
}

/** The proxy, made when it is first asked for: a bottle that goes nowhere does not pay for its memory. */
export function lazyEgressProxy(options: EgressProxyOptions): LazyEgressProxy {
  let proxy: Promise<EgressProxy> | undefined;
  const open = (): Promise<EgressProxy> => {
    proxy ??= import('./egress-proxy.ts').then((module) => module.createEgressProxy(options));
    return proxy;
  };
  return {
    connect: (request, socket, head) =>
      void open().then((opened) => opened.connect(request, socket, head)),
    handle: (request, response) => void open().then((opened) => opened.handle(request, response)),
    summary: async () => (await proxy)?.summary(),
  };
}
