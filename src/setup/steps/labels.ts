import { agentLabelPrefix } from '../../domain/targeting.ts';
import type { LabelDraft } from '../../forges/forge.ts';
import type { ForgeSetup, Place, RepositoryWithRights } from '../../forges/forge-setup.ts';
import { formatPlace } from '../place.ts';
import type { Progress } from '../progress.ts';
import type { Accounts } from './account.ts';

const colour = '#2d7d9a';

/** By which people give an issue to an agent. @param login the orchestrator's account */
export function agentLabel(agent: string, login: string): LabelDraft {
  return {
    name: `${agentLabelPrefix}${agent}`,
    colour,
    description: `Assigned to ${login}, an agent works on it: ${agent}`,
    exclusive: false,
  };
}

/** A label for each agent, with a description that says how it is used. */
export async function prepareLabels(
  { ref, ownerIsOrg }: RepositoryWithRights,
  agents: readonly string[],
  { own, login }: Accounts,
  progress: Progress,
): Promise<void> {
  const { owner, name } = ref;
  const place: Place = { kind: 'repository', owner, name };
  const title = formatPlace(place);
  const labels = await own.listLabels(place);
  const orgLabels = ownerIsOrg ? await labelsOfOrg(own, owner) : [];
  for (const agent of agents) {
    const draft = agentLabel(agent, login);
    const { name: label, description } = draft;
    const present = labels.find((one) => one.name === label);
    if (present === undefined && !orgLabels.includes(label)) {
      await progress.change({
        proposal: `Make the label ${label} in ${title}`,
        done: `made the label ${label} in ${title}`,
        byHand: `${title} › Issues › Labels › New Label.`,
        make: () => own.createLabel(place, draft),
      });
    } else if (present?.description === '') {
      await progress.change({
        proposal: `Describe the label ${label} in ${title}`,
        done: `described the label ${label} in ${title}`,
        byHand: `${title} › Issues › Labels.`,
        make: () => own.updateLabel(place, present.id, { description }),
      });
    } else {
      progress.tellRight(`The label ${label} is in ${title}`);
    }
  }
}

async function labelsOfOrg(forge: ForgeSetup, org: string): Promise<string[]> {
  return (await forge.listLabels({ kind: 'org', org })).map(({ name }) => name);
}
