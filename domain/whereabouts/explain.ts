/** Why an item is, or is not, on a device: the first cause of the table that fits, in one sentence. */
import type { ConversationFacts, Deed, FolderFacts, WhereaboutsFacts } from './facts.ts';

export type WhereaboutsCause =
  | 'unknownItem'
  | 'erased'
  | 'merged'
  | 'deviceUnknown'
  | 'deviceWiped'
  | 'deviceBlocked'
  | 'notPermitted'
  | 'folderNotSynced'
  | 'heldBack'
  | 'removalOffered'
  | 'offered'
  | 'leavesByFilter'
  | 'removalWaits'
  | 'refusedByOffice'
  | 'removed'
  | 'changeRefused'
  | 'changeWithheld'
  | 'changeWaits'
  | 'timesOnly'
  | 'onDevice'
  | 'filter'
  | 'withheld'
  | 'notThereSince'
  | 'windowNotReached'
  | 'unexplained';

export interface Explanation {
  readonly cause: WhereaboutsCause;
  /** `perhaps`: it was told, and whether the answer arrived is not known yet. */
  readonly isOnDevice: 'yes' | 'no' | 'perhaps';
  readonly sentence: string;
}

/** Facts for which a device talks about the item's folder. */
type Talking = WhereaboutsFacts & { readonly folder: FolderFacts; readonly conversation: ConversationFacts };

interface Rule {
  readonly cause: WhereaboutsCause;
  readonly isOnDevice: Explanation['isOnDevice'];
  fits(facts: WhereaboutsFacts): boolean;
  say(facts: WhereaboutsFacts): string;
}

const always: readonly Rule[] = [
  {
    cause: 'unknownItem',
    isOnDevice: 'no',
    fits: ({ item }) => item.standing === 'unknown',
    say: ({ item }) => `There is no item ${item.item} in this company, and there was none.`,
  },
  {
    cause: 'erased',
    isOnDevice: 'no',
    fits: ({ item }) => item.standing === 'erased',
    say: ({ item }) => `The item was erased${by(item.erased)}: nothing of it can be read any more.`,
  },
  {
    cause: 'merged',
    isOnDevice: 'no',
    fits: ({ item }) => item.standing === 'merged',
    say: ({ item }) => `The item was found to be the same as ${item.mergedInto}, and lives on as that one; ask for it.`,
  },
  {
    cause: 'deviceUnknown',
    isOnDevice: 'no',
    fits: ({ device }) => device.standing === 'unknown',
    say: ({ device }) => `The person has no device ${device.deviceId}: it never came, or it was removed.`,
  },
  {
    cause: 'deviceWiped',
    isOnDevice: 'no',
    fits: ({ device }) => device.standing === 'wiped' || device.standing === 'wipeRequested',
    say: ({ device }) =>
      device.standing === 'wiped'
        ? 'The device was wiped, and gets nothing until it is let in again.'
        : 'The device is to be wiped, and gets nothing else until it has done so.',
  },
  {
    cause: 'deviceBlocked',
    isOnDevice: 'perhaps',
    fits: ({ device }) => device.standing === 'blocked',
    say: ({ device }) => `The device is blocked, and keeps what it held before${seen(device.lastSeenAt)}.`,
  },
  {
    cause: 'notPermitted',
    isOnDevice: 'no',
    fits: ({ folder }) => folder === null,
    say: () => 'The item lies in a folder that is not shown to this person.',
  },
  {
    cause: 'folderNotSynced',
    isOnDevice: 'no',
    fits: ({ conversation }) => conversation === null,
    say: ({ folder }) => `The device has never asked for the folder ${folder?.name}: switch it on in its settings.`,
  },
];

const talking: readonly (Omit<Rule, 'fits' | 'say'> & {
  fits(facts: Talking): boolean;
  say(facts: Talking): string;
})[] = [
  {
    cause: 'heldBack',
    isOnDevice: 'no',
    fits: ({ conversation }) => conversation.heldBack !== null,
    say: ({ conversation }) =>
      `The device ${conversation.heldBack === 'deleted' ? 'deleted' : 'emptied'} the item itself, together with so ` +
      'many others that this is held back: everybody else keeps it until somebody decides on the batch.',
  },
  {
    cause: 'removalOffered',
    isOnDevice: 'perhaps',
    fits: ({ conversation: { offered } }) => offered?.op === 'delete' || offered?.op === 'softDelete',
    say: ({ conversation, device }) =>
      `The device was told with key ${conversation.key} to take the item away, and has not come back since` +
      `${seen(device.lastSeenAt)}.`,
  },
  {
    cause: 'offered',
    isOnDevice: 'perhaps',
    fits: ({ conversation: { offered } }) => offered !== null,
    say: ({ conversation, device }) =>
      `Version ${conversation.offered?.version} of the item was sent with key ${conversation.key}, and the device ` +
      `has not come back since to say that it got it${seen(device.lastSeenAt)}.`,
  },
  {
    cause: 'removalWaits',
    isOnDevice: 'yes',
    fits: ({ item, conversation }) => item.standing === 'removed' && conversation.held !== null,
    say: ({ item, device }) =>
      `The item was deleted${by(item.last)}; the device still holds it until it syncs again${seen(device.lastSeenAt)}.`,
  },
  {
    cause: 'refusedByOffice',
    isOnDevice: 'no',
    fits: ({ item }) => item.standing === 'removed' && item.refusedByOffice !== null,
    say: ({ item }) => `The office refused the item (${item.refusedByOffice}), so it was taken back${by(item.last)}.`,
  },
  {
    cause: 'removed',
    isOnDevice: 'no',
    fits: ({ item }) => item.standing === 'removed',
    say: ({ item }) => `The item was deleted${by(item.last)}.`,
  },
  {
    cause: 'leavesByFilter',
    isOnDevice: 'yes',
    fits: ({ conversation }) => conversation.held !== null && !conversation.passesFilter,
    say: ({ conversation, device }) =>
      `The item is outside of what the device asks for (${conversation.filter}), and is taken away when it syncs ` +
      `again${seen(device.lastSeenAt)}.`,
  },
  {
    cause: 'filter',
    isOnDevice: 'no',
    fits: ({ conversation }) => !conversation.passesFilter,
    say: ({ item, conversation }) =>
      `The device asks for ${conversation.filter} only, and the item is not among these` +
      `${item.endsAt ? `: it ended on ${item.endsAt.slice(0, 10)}` : ''}.`,
  },
  {
    cause: 'changeWithheld',
    isOnDevice: 'yes',
    fits: ({ conversation, withheld }) => withheld !== null && isOutdated(conversation),
    say: ({ item, conversation, withheld }) =>
      `The device holds version ${conversation.held?.version}; version ${item.version} cannot be shown to it ` +
      `(${withheld}), and is left out until it can.`,
  },
  {
    cause: 'withheld',
    isOnDevice: 'no',
    fits: ({ conversation, withheld }) => withheld !== null && conversation.held === null,
    say: ({ withheld }) => `The item cannot be shown to the device (${withheld}), and is left out until it can.`,
  },
  {
    cause: 'changeRefused',
    isOnDevice: 'yes',
    fits: ({ conversation, refusal }) => conversation.held !== null && conversation.isStale && refusal !== null,
    say: ({ refusal }) =>
      `The device holds its own version of the item, which was refused with Status ${refusal?.status} on ` +
      `${refusal?.at}; it is sent ours when it syncs again.`,
  },
  {
    cause: 'changeWaits',
    isOnDevice: 'yes',
    fits: ({ conversation }) => isOutdated(conversation),
    say: ({ item, conversation, device }) =>
      `The device holds version ${conversation.held?.version}; version ${item.version}${by(item.last)} waits until ` +
      `it syncs again${seen(device.lastSeenAt)}.`,
  },
  {
    cause: 'timesOnly',
    isOnDevice: 'yes',
    fits: ({ conversation }) => conversation.held !== null && conversation.isTimesOnly,
    say: () => 'The item is on the device as a time without content: it is a private one of another person.',
  },
  {
    cause: 'onDevice',
    isOnDevice: 'yes',
    fits: ({ conversation }) => conversation.held !== null,
    say: ({ item, folder, conversation }) =>
      `The item is on the device, in the folder ${folder.name}, in its present version ${item.version}; ` +
      `the device has acknowledged that (key ${conversation.key}).`,
  },
  {
    cause: 'notThereSince',
    isOnDevice: 'no',
    fits: ({ item, device, conversation }) =>
      !conversation.isRead && item.last !== null && (device.lastSeenAt === null || device.lastSeenAt < item.last.at),
    say: ({ item, device }) =>
      `The item came or changed on ${item.last?.at}, and the device has not been there since` +
      `${seen(device.lastSeenAt)}.`,
  },
  {
    cause: 'windowNotReached',
    isOnDevice: 'no',
    fits: ({ conversation }) => !conversation.isRead,
    say: ({ folder, device }) =>
      `The device gets the folder ${folder.name} in portions and has not come as far as this item; it follows with ` +
      `one of the next${seen(device.lastSeenAt)}.`,
  },
  {
    cause: 'unexplained',
    isOnDevice: 'no',
    fits: () => true,
    say: ({ device, folder }) =>
      `Nothing that is known keeps the item from the device: let it begin the folder anew ` +
      `(resync ${device.deviceId}, folder ${folder.name}), and report this.`,
  },
];

/** The first cause that fits, the most certain ones before the others. */
export function explain(facts: WhereaboutsFacts): Explanation {
  const first = always.find((rule) => rule.fits(facts));
  if (first) return { cause: first.cause, isOnDevice: first.isOnDevice, sentence: first.say(facts) };
  const known = facts as Talking;
  const rule = talking.find((one) => one.fits(known)) as (typeof talking)[number];
  return { cause: rule.cause, isOnDevice: rule.isOnDevice, sentence: rule.say(known) };
}

/** Something newer waits for it, or it was refused what it has. */
function isOutdated({ held, isStale }: ConversationFacts): boolean {
  return held !== null && (isStale || !held.isCurrent);
}

function by(deed: Deed | null): string {
  return deed ? ` on ${deed.at} by ${deed.who}` : '';
}

function seen(lastSeenAt: string | null): string {
  return lastSeenAt ? ` (it was last there on ${lastSeenAt})` : '';
}
