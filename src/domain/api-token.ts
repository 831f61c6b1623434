/** What a token of the API lets its bearer do: ask, or ask and command. */
export type TokenScope = 'read' | 'write';

export const tokenScopes = ['read', 'write'] as const satisfies readonly TokenScope[];
