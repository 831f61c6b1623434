import { Command, InvalidArgumentError, Option } from 'commander';
import {
  type DemoAgentName,
  demoAgentNames,
  type DemoBackend,
  demoBackends,
} from '../demo/cast-names.ts';
import { whatTheDemoAgentCanDo } from '../demo/demo-language.ts';
import { helpText } from './help-text.ts';

export interface DemoRequest {
  readonly once?: true;
  readonly task?: string;
  readonly comment?: string;
  readonly agent: DemoAgentName;
  readonly backend: DemoBackend;
}

/** Plays the demo and resolves with the exit code. */
export type DemoHandler = (request: DemoRequest) => Promise<number>;

export function demoCommand(demo: DemoHandler): Command {
  return new Command('demo')
    .description('watch an issue become a pull request: everything from nothing, on this machine')
    .option('--once', 'end when the story has ended: 0 if as it should')
    .option('--task <text>', 'what the issue asks for', readText)
    .option('--comment <text>', 'what the comment on the pull request asks for', readText)
    .addOption(
      new Option('--agent <name>', 'who works: the demo’s own program, or a real coding agent')
        .choices(demoAgentNames)
        .default('demo'),
    )
    .addOption(
      new Option('--backend <name>', 'what its bottle is: a sandbox, or a container')
        .choices(demoBackends)
        .default('local'),
    )
    .addHelpText(
      'after',
      helpText(
        [
          'orchestrator demo',
          'orchestrator demo --once',
          'orchestrator demo --agent claude --once',
          'orchestrator demo --backend docker --once',
          `orchestrator demo --task 'Create notes.txt with "Milk"' \\
  --comment 'Append "Bread" to notes.txt'`,
        ],
        'Starts Temporal, a throw-away Gitea and an orchestrator, plays the story, and stays up until Ctrl-C. Nothing is left.',
        `The agent demo: ${whatTheDemoAgentCanDo.replaceAll('`', '')}`,
        'claude, codex and pi are the real programs, from npm. Without a key their model is a scripted stand-in that understands the same sentences; with ANTHROPIC_API_KEY (claude, pi) or OPENAI_API_KEY (codex) in the environment it is the real one, which costs money.',
      ),
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
