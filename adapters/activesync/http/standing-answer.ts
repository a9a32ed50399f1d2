/** What a device that may not work now is told: HTTP up to 12.1, the command's own root from 14.0 (MS-ASCMD 2.2.2). */
import { type Standing, standingOf } from '../../../domain/device/standing.ts';
import type { DeviceState } from '../../../domain/device/state.ts';
import type { CommandAnswer } from '../request.ts';
import { commonStatus } from '../status.ts';
import type { ProtocolVersion } from '../version.ts';
import type { Admission } from './admission.ts';
import type { CommandName } from './command-names.ts';
import { statusAnswer } from './command-status.ts';

const forbidden: CommandAnswer = { kind: 'http', status: 403 };
const provisionFirst: CommandAnswer = { kind: 'http', status: 449 };

/** What a device that may not work now is told; Provision is how it gets to work again. Undefined for one that may. */
export function turnedAway(
  state: DeviceState,
  { command, person, version, policyKey }: Pick<Admission, 'command' | 'person' | 'version' | 'policyKey'>,
): CommandAnswer | undefined {
  const { policy } = person.account;
  if (state.kind !== 'device') {
    const isBarred = policy !== 'none' && command !== 'Provision';
    return isBarred ? standingAnswer({ kind: 'notProvisioned' }, command, version) : undefined;
  }
  // AOSP sends no policy key with Ping, which tells nothing but that there is something to ask for.
  const isKeyless = command === 'Ping' && (policyKey === undefined || policyKey === '0');
  const found = standingOf(state, policy, isKeyless ? state.accepted?.policyKey : policyKey);
  if (command === 'Provision') {
    // A wiped device may not have heard us when it said so.
    if (found.kind !== 'blocked' && !(found.kind === 'wipe' && found.scope === 'account' && version < 161))
      return undefined;
    if (found.kind === 'blocked' && found.because === 'wiped') return undefined;
  }
  return standingAnswer(found, command, version);
}

/** Undefined for a device that may work. */
export function standingAnswer(
  standing: Standing,
  command: CommandName,
  version: ProtocolVersion,
): CommandAnswer | undefined {
  switch (standing.kind) {
    case 'welcome':
      return undefined;
    case 'blocked':
      return blocked(command, version);
    case 'wipe':
      // Before 16.1 there is only the wipe of the whole device, which is not what was asked for: it stays out.
      if (standing.scope === 'account' && version < 161) return blocked(command, version);
      return tell(command, version, commonStatus.wipeRequested);
    case 'notProvisioned':
      return tell(command, version, commonStatus.notProvisioned);
    case 'policyRefresh':
      return tell(command, version, commonStatus.policyRefresh);
    case 'invalidPolicyKey':
      return tell(command, version, commonStatus.invalidPolicyKey);
  }
}

function blocked(command: CommandName, version: ProtocolVersion): CommandAnswer {
  return version < 140 ? forbidden : statusAnswer(command, commonStatus.deviceBlocked);
}

function tell(command: CommandName, version: ProtocolVersion, status: number): CommandAnswer {
  return version < 140 ? provisionFirst : statusAnswer(command, status);
}
