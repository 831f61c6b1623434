/** Where the gateway is on the door: `/llm/<route>/…`. */
export const llmPath = '/llm/';
