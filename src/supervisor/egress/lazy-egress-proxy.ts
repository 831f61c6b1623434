import type { DoorProxy } from '../door.ts';
import type { EgressProxy, EgressProxyOptions } from './egress-proxy.ts';

/** The proxy, made when it is first asked for: a bottle that goes nowhere does not pay for its memory. */
export function lazyEgressProxy(options: EgressProxyOptions): DoorProxy {
  let proxy: Promise<EgressProxy> | undefined;
  const open = (): Promise<EgressProxy> => {
    proxy ??= import('./egress-proxy.ts').then((module) => module.createEgressProxy(options));
    return proxy;
  };
  return {
    connect: (request, socket, head) =>
      void open().then((opened) => opened.connect(request, socket, head)),
    handle: (request, response) => void open().then((opened) => opened.handle(request, response)),
  };
}
