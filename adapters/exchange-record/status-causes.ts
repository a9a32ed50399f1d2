/**
 * What each status that a device may be told means to whoever has to help, and what that person can do. Those of
 * another kind of trouble are in `causes.ts`. A status that is added to `status.ts` does not compile until it is here.
 */
import type {
  commonStatus,
  estimateStatus,
  folderStatus,
  itemOperationsStatus,
  moveStatus,
  pingStatus,
  policyStatus,
  provisionStatus,
  searchStatus,
  settingsStatus,
  syncStatus,
} from '../activesync/status.ts';
import type { Verdict } from './port.ts';

export interface Cause {
  /** What an exchange with this cause is noticed for; null for the protocol's ordinary course. */
  readonly verdict: Verdict | null;
  /** One sentence each. */
  readonly meaning: string;
  readonly todo: string;
}

/** The good statuses have no cause. */
type CausesOf<Table> = { readonly [Name in keyof Table]: Cause | 'good' };

const failed = (meaning: string, todo: string): Cause => ({ verdict: 'failed', meaning, todo });
const refused = (meaning: string, todo: string): Cause => ({ verdict: 'refused', meaning, todo });
const ordinary = (meaning: string): Cause => ({
  verdict: null,
  meaning,
  todo: 'Nothing: the device knows how to go on.',
});

const ourFault = failed(
  'Something failed in this server, and the device was asked to come again.',
  'Look for the request in the log at that time; when it comes again and again, replay the exchange.',
);
const broken = refused(
  'The request breaks the protocol.',
  'Look at the request; when many devices of one model do so, the server must learn to understand it.',
);
const folderGone = ordinary('The device knew folders that are not there any more, or not yet; it fetches the list.');
const keyLost = refused(
  'The device came with a key that was never given to it; it starts the folder anew.',
  'Once is a restored or reset phone; when it repeats, look whether two devices have the same DeviceId, or whether the log was restored.',
);

export const syncCauses: CausesOf<typeof syncStatus> = {
  success: 'good',
  invalidSyncKey: {
    ...keyLost,
    verdict: 'unknownKey',
  },
  protocolError: broken,
  serverError: ourFault,
  conversionError: refused(
    'What the device sent for an item cannot be understood, or the folder takes no new items.',
    'Look at the item in the request: the person must enter it again, or the server must learn to read it.',
  ),
  conflict: refused(
    'A change of the device was not taken: both sides changed the same, or the folder is read-only. Nothing is lost.',
    'For a read-only folder tell the person; else see the kept versions with conflicts, and decide.',
  ),
  objectNotFound: refused(
    'The device changed an item that is not there any more.',
    'Look at the history of the item; restore it when it was deleted by mistake.',
  ),
  hierarchyChanged: folderGone,
  incompleteRequest: ordinary('The device left out what it said before, and this server had forgotten it.'),
  invalidWait: ordinary('The device wanted to wait longer or shorter than is served; it was told the limit.'),
  tooManyCollections: refused(
    'The device asked for more folders in one request than are served.',
    'Let the person choose fewer folders to synchronise.',
  ),
  retry: failed(
    'Another request of the same device was faster, or the read models lagged behind; the device comes again.',
    'Nothing when it is rare; else look whether the server or its database is overloaded.',
  ),
};

export const commonCauses: CausesOf<typeof commonStatus> = {
  invalidContent: broken,
  serverErrorRetryLater: ourFault,
  deviceBlocked: refused(
    'The device is blocked, or was wiped.',
    'Unblock it in the administration when it may come in again.',
  ),
  wipeRequested: ordinary('The device was told to wipe itself.'),
  notProvisioned: ordinary('The device has not accepted the security policy yet; it asks for it now.'),
  policyRefresh: ordinary('The security policy has changed; the device fetches it.'),
  invalidPolicyKey: ordinary('The device came with an old policy key; it fetches the policy anew.'),
  notFullyProvisionable: refused(
    'The device cannot apply the whole security policy.',
    'Give the account a policy that the device can apply, or another device.',
  ),
  externallyManaged: refused(
    'The device is managed by someone else and takes no policy from here.',
    'Give the account the policy none, or let the other management allow it.',
  ),
};

export const folderCauses: CausesOf<typeof folderStatus> = {
  success: 'good',
  exists: refused('There is a folder of that name already, or the folder stays as it is.', 'Choose another name.'),
  special: refused('A default folder, or another person’s, cannot be deleted.', 'Tell the person.'),
  unknown: refused(
    'The device changed a folder that is not there any more.',
    'Nothing when it is rare: the device fetches the list of folders.',
  ),
  parentUnknown: refused(
    'The device wanted a folder below one that is not there any more.',
    'Nothing when it is rare: the device fetches the list of folders.',
  ),
  serverError: ourFault,
  invalidSyncKey: keyLost,
  malformed: broken,
};

export const pingCauses: CausesOf<typeof pingStatus> = {
  expired: 'good',
  changed: 'good',
  incomplete: ordinary('The device left out what it said before, and this server had forgotten it.'),
  malformed: broken,
  invalidInterval: ordinary('The device wanted to wait longer or shorter than is served; it was told the limit.'),
  tooManyFolders: refused(
    'The device wants to watch more folders than are served.',
    'Let the person choose fewer folders to synchronise.',
  ),
  hierarchyChanged: folderGone,
  serverError: ourFault,
};

export const provisionCauses: CausesOf<typeof provisionStatus> = {
  success: 'good',
  protocolError: broken,
  serverError: ourFault,
};

export const policyCauses: CausesOf<typeof policyStatus> = {
  success: 'good',
  noPolicy: ordinary('There is no security policy for the account.'),
  unknownType: refused(
    'The device asked for a kind of policy that no device since 12.0 asks for.',
    'Look at the device: its program is too old.',
  ),
  wrongKey: refused(
    'The device accepted a policy that was not the last one offered, or did not apply it.',
    'When it repeats, let the person remove the account from the device and add it again.',
  ),
};

export const estimateCauses: CausesOf<typeof estimateStatus> = {
  success: 'good',
  unknownCollection: folderGone,
  notPrimed: ordinary('The device asked about a folder that it has not begun yet.'),
  invalidSyncKey: keyLost,
};

export const moveCauses: CausesOf<typeof moveStatus> = {
  invalidSource: refused(
    'The device moved an item that is not there any more, or from a folder that is not.',
    'Look at the history of the item.',
  ),
  invalidDestination: refused(
    'The device moved an item to a folder that is not there, takes no items, or is of another class.',
    'Tell the person; the item stays where it was.',
  ),
  success: 'good',
  sameFolder: ordinary('The device moved an item to where it is.'),
  failure: failed('The item could not be moved and stays where it was.', 'When it repeats, replay the exchange.'),
  locked: failed('Another request held the item; the device comes again.', 'Nothing when it is rare.'),
};

export const itemOperationsCauses: CausesOf<typeof itemOperationsStatus> = {
  success: 'good',
  protocolError: broken,
  serverError: ourFault,
  notFound: refused('The device asked for an item that is not there any more.', 'Look at the history of the item.'),
  unknownStore: refused('The device asked for a store that there is not here.', 'Nothing: it is not served.'),
  conversionFailed: {
    verdict: 'withheld',
    meaning: 'An item that the device asked for could not be shown.',
    todo: 'Look at the item with why; an upgrade of the server may show it.',
  },
  invalidAttachment: refused(
    'The device asked for an attachment that there is not.',
    'Look at the history of the item.',
  ),
};

export const settingsCauses: CausesOf<typeof settingsStatus> = {
  success: 'good',
  protocolError: broken,
  accessDenied: refused('The device may not change this setting.', 'Tell the person.'),
  serverUnavailable: ourFault,
  invalidArguments: broken,
  deniedByPolicy: refused('The security policy does not allow this setting.', 'Tell the person.'),
};

export const searchCauses: CausesOf<typeof searchStatus> = {
  success: 'good',
  invalidRequest: refused('The device searched for something that is not served.', 'Look at the request.'),
  serverError: ourFault,
};
