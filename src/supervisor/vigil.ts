import { statfs } from 'node:fs/promises';
import type { SupervisorTiming } from '../bottles/launch-file.ts';

const tickMs = 1_000;
/** Below this the disk counts as full; after so many ticks in a row it is time to act. */
const fullDiskBytes = 1024 * 1024;
const fullDiskTicks = 5;

export interface Vigil {
  readonly timing: SupervisorTiming;
  /** A directory on the disk that may fill up. */
  readonly directory: string;
  /** Asked only when the agent has begun. */
  deadlineMs(): number;
  isAttached(): boolean;
  /** Epoch milliseconds; undefined while the agent has not begun. */
  begunAt(): number | undefined;
  /** Nobody is attached and the agent is still waited with. */
  onForsaken(): void;
  /** Nobody has been attached for long, and the deadline is as long past. */
  onOverdue(): void;
  onDiskFull(): void;
}

/** Looks once a second for what nobody tells a supervisor: that it is alone for too long, and that the disk is full. */
export function keepVigil(vigil: Vigil): Disposable {
  let attachedAt = Date.now();
  let fullTicks = 0;
  async function look(): Promise<void> {
    const now = Date.now();
    const begunAt = vigil.begunAt();
    if (vigil.isAttached()) attachedAt = now;
    else if (begunAt === undefined) {
      if (now - attachedAt > vigil.timing.awaitGo) vigil.onForsaken();
    } else {
      // Whoever was attached until now may have extended the deadline: the grace begins when nobody is any more.
      const alone = Math.max(attachedAt, begunAt + vigil.deadlineMs());
      if (now - alone > vigil.timing.afterDeadline) vigil.onOverdue();
    }
    // A disk that does not say how full it is counts as not full: that is no reason to end a run.
    const disk = await statfs(vigil.directory).catch(() => undefined);
    const isFull = disk !== undefined && disk.bavail * disk.bsize < fullDiskBytes;
    fullTicks = isFull ? fullTicks + 1 : 0;
    if (fullTicks >= fullDiskTicks) vigil.onDiskFull();
  }
  const timer = setInterval(() => void look(), tickMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
