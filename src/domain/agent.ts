/** A program that works without a person: which one an agent is. */
export type ProviderName = 'script' | 'claude' | 'codex' | 'pi';

/** The wire protocols that model servers speak. */
export type LlmProtocol = 'anthropic-messages' | 'openai-responses' | 'openai-completions';

/** Where a bottle's requests to `/llm/<name>/…` go. Holds no secret: the key comes over the control socket. */
export interface LlmRoute {
  readonly protocol: LlmProtocol;
  /** What the provider's own base URL is, e.g. `https://api.anthropic.com`, without a slash at its end. */
  readonly upstream: string;
  /** How the key is sent; `subscription`: as the token of a person's plan; `none`: no key at all. */
  readonly auth: 'x-api-key' | 'bearer' | 'subscription' | 'none';
  /** By the model's name as it is asked for. */
  readonly prices: Readonly<Record<string, ModelPrice>>;
  /** Lets requests through that make the provider fetch addresses or call tools of others on the agent's behalf. */
  readonly remoteTools: boolean;
}

/** US dollars per million tokens. */
export interface ModelPrice {
  readonly input: number;
  readonly output: number;
  /** Absent: as `input`. */
  readonly cacheRead?: number;
  /** Absent: as `input`. */
  readonly cacheWrite?: number;
}
