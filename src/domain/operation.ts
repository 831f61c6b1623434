/** One entry of the op log: a sidecar call or a git push, rejected ones included. */
export interface Operation {
  /** 1, 2, … within the run, without gaps. */
  readonly sequence: number;
  /** Epoch milliseconds at which the call arrived. */
  readonly at: number;
  readonly operation: OperationName;
  /** What it was aimed at: `#12`, a branch; empty where there is no target. */
  readonly target: string;
  /** SHA-256 (hex) of the arguments as canonical JSON. */
  readonly argumentsDigest: string;
  /** At most 200 characters of the arguments, for people. */
  readonly argumentsShort: string;
  readonly outcome: 'ok' | 'rejected' | 'error';
  /** Why it was rejected or failed. */
  readonly reason?: string;
  readonly durationMs: number;
}

export type SidecarMethod =
  | 'read_issue'
  | 'read_pr'
  | 'read_comments'
  | 'post_comment'
  | 'update_description'
  | 'open_pr'
  | 'signal_done';

/** `unknown` stands for a method the sidecar does not have. */
export type OperationName = SidecarMethod | 'git_push' | 'unknown';
