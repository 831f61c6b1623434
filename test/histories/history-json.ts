import proto from '@temporalio/proto';

const { History } = proto.temporal.api.history.v1;

export type WorkflowHistory = proto.temporal.api.history.v1.IHistory;

/** As JSON without loss: bytes in base64, long numbers and enumerations as text. */
export function toHistoryJson(history: WorkflowHistory): string {
  const plain = History.toObject(History.fromObject(history), {
    bytes: String,
    enums: String,
    longs: String,
  });
  return JSON.stringify(plain, undefined, 1);
}

export function fromHistoryJson(text: string): WorkflowHistory {
  return History.fromObject(JSON.parse(text) as { [key: string]: unknown });
}
