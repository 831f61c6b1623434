/** Whoever sets the orchestrator up: at a terminal, or not there and having said yes to everything. */
export interface Person {
  /** The answer without spaces around it. @throws ConfigError when nobody is there to answer */
  ask(question: Question): Promise<string>;
  /** Before each change. @param change what would be done, as an imperative: `Make the org bot-bottle` */
  agrees(change: string): Promise<boolean>;
  /** Whether to try again what did not work. Never, when nobody is there. */
  triesAgain(question: string): Promise<boolean>;
  /** That something is as it should be, and was so. */
  tellRight(text: string): void;
  /** That something was made or changed. */
  tellChanged(text: string): void;
  /** That something is left for a person to do. */
  tellLeft(text: string): void;
  /** That something goes on now, for some seconds. */
  tellBusy(text: string): void;
}

export interface Question {
  readonly text: string;
  /** How it is answered when nobody is there, for the message that says so. */
  readonly otherwise: string;
  /** Taken for an empty answer; also when nobody is there. */
  readonly initial?: string;
  /** Not shown while it is typed. */
  readonly secret?: true;
  /** What is wrong with an answer. */
  readonly check?: (answer: string) => string | undefined;
}
