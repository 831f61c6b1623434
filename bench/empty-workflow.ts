import { defineSignal, setHandler } from '@temporalio/workflow';

/** The least that can be started with a signal. */
export async function emptyWorkflow(): Promise<void> {
  setHandler(defineSignal('nothing'), () => {});
}
