import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A network of its own, as another machine has: it reaches this one, and is reached, by one address each. */
export interface NetworkNamespace extends AsyncDisposable {
  /** Of this machine, as the other one sees it. */
  readonly hereAddress: string;
  readonly thereAddress: string;
  /** Put before a command that is to run there. */
  readonly prefix: readonly string[];
}

/** Why there can be none here; undefined when there can. */
export async function whyNoNetworkNamespaces(): Promise<string | undefined> {
  try {
    await using _namespace = await makeNetworkNamespace();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** By `ip netns` and a pair of virtual interfaces, which takes root. */
export async function makeNetworkNamespace(): Promise<NetworkNamespace> {
  const id = randomInt(100, 255);
  const third = randomInt(100, 255);
  const name = `gitea-${id}-${third}`;
  const [here, there] = [`h${id}-${third}`, `t${id}-${third}`];
  const network = `10.${id}.${third}`;
  const ip = (...args: string[]) => run('ip', args);
  await ip('netns', 'add', name);
  const remove = async (): Promise<void> => {
    await ip('link', 'delete', here).catch(() => undefined);
    await ip('netns', 'delete', name);
  };
  try {
    await ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name);
    await ip('address', 'add', `${network}.101/24`, 'dev', here);
    await ip('link', 'set', here, 'up');
    await ip('-n', name, 'address', 'add', `${network}.102/24`, 'dev', there);
    await ip('-n', name, 'link', 'set', there, 'up');
    await ip('-n', name, 'link', 'set', 'lo', 'up');
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    hereAddress: `${network}.101`,
    thereAddress: `${network}.102`,
    prefix: ['ip', 'netns', 'exec', name],
    [Symbol.asyncDispose]: remove,
  };
}
