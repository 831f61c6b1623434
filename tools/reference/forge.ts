import { helpReply } from '../../src/domain/command-replies.ts';
import { stateLabelPrefix, stateLabels } from '../../src/domain/state-label.ts';
import { code, markdownTable } from './markdown.ts';

export function stateLabelsReference(): string {
  return markdownTable(
    ['label', 'description'],
    Object.entries(stateLabels).map(([name, { description }]) => [
      code(stateLabelPrefix + name),
      description,
    ]),
  );
}

/** As a comment answers `/bottle help`. */
export function commentCommandsReference(): string {
  return helpReply();
}
