import type { Conversation, Tokens } from './model-turn.ts';

/** One wire protocol: reads what a client sends and writes answers as the provider would. Pure. */
export interface ModelWire {
  /** Undefined: the client offers no tool that runs shell commands, as in questions beside the conversation. */
  readonly shellOf: (request: WireRequest) => ShellTool | undefined;
  readonly read: (request: WireRequest) => Conversation;
  readonly events: (answer: WireAnswer) => WireEvent[];
  /** The whole answer, for clients that do not stream. */
  readonly whole: (answer: WireAnswer) => unknown;
}

/** A request's body, of which nothing is sure. */
export interface WireRequest {
  readonly model?: unknown;
  readonly stream?: unknown;
  readonly messages?: unknown;
  readonly input?: unknown;
  readonly tools?: unknown;
}

export interface WireAnswer {
  /** Unique within the server's life. */
  readonly id: string;
  readonly model: string;
  readonly text: string | undefined;
  readonly call:
    | { readonly tool: string; readonly input: Readonly<Record<string, unknown>> }
    | undefined;
  readonly tokens: Tokens;
}

export interface WireEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The client's own tool that runs a shell command. */
export interface ShellTool {
  readonly name: string;
  readonly input: (command: string) => Readonly<Record<string, unknown>>;
}

const shellTools: readonly ShellTool[] = [
  { name: 'Bash', input: (command) => ({ command, description: 'A step of the task' }) },
  { name: 'bash', input: (command) => ({ command }) },
  // Its own default gives up waiting after ten seconds, and would have to be asked again.
  { name: 'exec_command', input: (command) => ({ cmd: command, yield_time_ms: 30_000 }) },
];

export function findShellTool(tools: unknown): ShellTool | undefined {
  const names = objects(tools).map(({ name }) => name);
  return shellTools.find(({ name }) => names.includes(name));
}

/** The command that such a tool was called with. */
export function commandOf(input: unknown): string {
  const { command, cmd } = object(input);
  return textOf(command ?? cmd);
}

export function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

export function objects(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(object) : [];
}

/** Text, or the texts of a list of content parts, one below the other. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') {
    return content;
  }
  return objects(content)
    .map(({ text }) => text)
    .filter((text) => typeof text === 'string')
    .join('\n');
}

/** A text in the pieces in which it is streamed. */
export function pieces(text: string): string[] {
  return text.match(/[\s\S]{1,48}/gu) ?? [];
}
