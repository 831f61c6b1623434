import { Command, InvalidArgumentError } from 'commander';
import { whatTheDemoAgentCanDo } from '../demo/demo-language.ts';

export interface DemoRequest {
  readonly once?: true;
  readonly task?: string;
  readonly comment?: string;
}

/** Plays the demo and resolves with the exit code. */
export type DemoHandler = (request: DemoRequest) => Promise<number>;

export function demoCommand(demo: DemoHandler): Command {
  return new Command('demo')
    .description('watch an issue become a pull request: everything from nothing, on this machine')
    .option('--once', 'end when the story has ended: 0 if as it should')
    .option('--task <text>', 'what the issue asks for', readText)
    .option('--comment <text>', 'what the comment on the pull request asks for', readText)
    .addHelpText(
      'after',
      `
Starts Temporal, a throw-away Gitea and an orchestrator, plays the story, and stays up until Ctrl-C. Nothing is left.

The agent: ${whatTheDemoAgentCanDo.replaceAll('`', '')}

Examples:
  orchestrator demo
  orchestrator demo --once
  orchestrator demo --task 'Create notes.txt with "Milk"' --comment 'Append "Bread" to notes.txt'`,
    )
    .action(async (request: DemoRequest) => {
      process.exit(await demo(request));
    });
}

function readText(text: string): string {
  if (text.trim() === '') {
    throw new InvalidArgumentError('It is empty.');
  }
  return text;
}
