/**
 * Provision: MS-ASPROV 3.2.5.1. The device asks for the rules and gets them with a temporary key; it acknowledges that
 * key and gets the one it sends from then on. A wipe that was asked for is told here and acknowledged here.
 */
import type { PolicyName } from '../../../../domain/account/events.ts';
import type { Device, DeviceState } from '../../../../domain/device/state.ts';
import type { ActiveSyncDeps } from '../../deps.ts';
import { statusAnswer } from '../../http/command-status.ts';
import { isStateless } from '../../http/stateless.ts';
import type { CommandAnswer, CommandHandler } from '../../request.ts';
import { actorOf, type Session } from '../../session.ts';
import { commonStatus, policyStatus, provisionStatus } from '../../status.ts';
import { Provision, Settings } from '../../wbxml/code-pages/index.ts';
import { child, type Element, textOf } from '../../wbxml/element.ts';
import { Writer } from '../../wbxml/writer.ts';
import { parseDeviceInformation } from '../settings/device-information.ts';
import { writePolicy } from './policies.ts';

export type ProvisionDeps = Pick<ActiveSyncDeps, 'people' | 'devices' | 'policyKey'>;

const policyType = 'MS-EAS-Provisioning-WBXML';

export function provisionHandler(deps: ProvisionDeps): CommandHandler {
  return async ({ session, root }) => {
    if (root?.tag !== Provision.Provision) return statusAnswer('Provision', provisionStatus.protocolError);
    const { tenant, account, device } = session;
    const state = await deps.devices.device(tenant, device);
    const wiped = child(root, Provision.RemoteWipe) ?? child(root, Provision.AccountOnlyRemoteWipe);
    if (wiped) return await acknowledgeWipe(deps, session, textOf(wiped, Provision.Status) === '1');
    if (state.kind === 'device' && state.wipe.kind === 'requested') return tellWipe(state.wipe.scope);
    if (state.kind === 'device' && state.wipe.kind === 'done') return keptOut(session);

    const isInformed = await inform(deps, session, root);
    const policies = child(root, Provision.Policies);
    const policy = policies && child(policies, Provision.Policy);
    if (!policy) return statusAnswer('Provision', provisionStatus.protocolError);
    const answer = new Answer(isInformed, textOf(policy, Provision.PolicyType) ?? '');
    if (answer.type !== policyType) return answer.policy(policyStatus.unknownType);
    const person = await deps.people.person(tenant, account);
    const asked = person?.account.policy ?? 'none';
    if (asked === 'none') return answer.policy(policyStatus.noPolicy);

    const temporaryKey = textOf(policy, Provision.PolicyKey);
    const said = textOf(policy, Provision.Status);
    if (temporaryKey === undefined && said === undefined) return await offer(deps, session, state, asked, answer);
    return await acknowledge(deps, session, answer, temporaryKey ?? '', said ?? '');
  };
}

async function offer(
  deps: ProvisionDeps,
  session: Session,
  state: DeviceState,
  policy: Exclude<PolicyName, 'none'>,
  answer: Answer,
): Promise<CommandAnswer> {
  // Asked again before it was acknowledged: the answer was lost, and the same key will do.
  const offered = state.kind === 'device' ? state.offered : undefined;
  if (offered?.policy === policy) return answer.policy(policyStatus.success, offered.policyKey, policy);
  const policyKey = deps.policyKey();
  if (!isStateless(session)) {
    const { tenant, account, device } = session;
    const command = { type: 'offerPolicy', policy, policyKey } as const;
    const result = await deps.devices.run(tenant, account, device, command, actorOf(session));
    if (result.outcome === 'refused') return statusAnswer('Provision', provisionStatus.serverError);
  }
  return answer.policy(policyStatus.success, policyKey, policy);
}

async function acknowledge(
  deps: ProvisionDeps,
  session: Session,
  answer: Answer,
  temporaryKey: string,
  said: string,
): Promise<CommandAnswer> {
  if (isStateless(session)) return answer.policy(policyStatus.success, temporaryKey);
  const { tenant, account, device } = session;
  const command = {
    type: 'acknowledgePolicy',
    temporaryKey,
    policyKey: deps.policyKey(),
    status: Number.parseInt(said, 10),
  } as const;
  const result = await deps.devices.run(tenant, account, device, command, actorOf(session));
  if (result.outcome === 'accepted') {
    const { accepted } = result.state as Device;
    return answer.policy(policyStatus.success, accepted?.policyKey);
  }
  if (result.reason === 'wrongPolicyKey') return answer.policy(policyStatus.wrongKey);
  if (result.reason !== 'policyNotApplied') return statusAnswer('Provision', provisionStatus.serverError);
  return keptOut(session, said === '4' ? commonStatus.externallyManaged : commonStatus.notFullyProvisionable);
}

/** Statuses over 100 came with 14.0; before, HTTP says that the device stays out. */
function keptOut({ version }: Session, status: number = commonStatus.deviceBlocked): CommandAnswer {
  return version < 140 ? { kind: 'http', status: 403 } : statusAnswer('Provision', status);
}

/** Repeats are accepted: the device may not have heard us the first time, and it will be blocked afterwards. */
async function acknowledgeWipe(deps: ProvisionDeps, session: Session, done: boolean): Promise<CommandAnswer> {
  const { tenant, account, device } = session;
  const result = await deps.devices.run(tenant, account, device, { type: 'acknowledgeWipe', done }, actorOf(session));
  if (result.outcome === 'refused') return statusAnswer('Provision', provisionStatus.protocolError);
  const { wipe } = result.state as Device;
  // MS-ASPROV 3.2.5.1.2.2: one that failed is asked for again.
  if (wipe.kind === 'requested') return tellWipe(wipe.scope, provisionStatus.protocolError);
  return statusAnswer('Provision', provisionStatus.success);
}

function tellWipe(scope: 'account' | 'device', status: number = provisionStatus.success): CommandAnswer {
  const writer = new Writer();
  writer.open(Provision.Provision).element(Provision.Status, String(status));
  writer.empty(scope === 'account' ? Provision.AccountOnlyRemoteWipe : Provision.RemoteWipe);
  return { kind: 'wbxml', body: writer.close().finish() };
}

/** From 14.1 on the device tells about itself here (MS-ASPROV 2.2.2.53). */
async function inform(deps: ProvisionDeps, session: Session, root: Element): Promise<boolean> {
  const element = child(root, Settings.DeviceInformation);
  const information = element && parseDeviceInformation(element);
  if (!information) return false;
  if (!isStateless(session)) {
    const { tenant, account, device } = session;
    await deps.devices.run(tenant, account, device, { type: 'inform', information }, actorOf(session));
  }
  return true;
}

class Answer {
  readonly type: string;
  readonly #isInformed: boolean;

  constructor(isInformed: boolean, type: string) {
    this.#isInformed = isInformed;
    this.type = type;
  }

  policy(status: number, policyKey?: string, document?: Exclude<PolicyName, 'none'>): CommandAnswer {
    const writer = new Writer();
    writer.open(Provision.Provision);
    if (this.#isInformed) writer.open(Settings.DeviceInformation).element(Settings.Status, '1').close();
    writer.element(Provision.Status, String(provisionStatus.success));
    writer.open(Provision.Policies).open(Provision.Policy).element(Provision.PolicyType, this.type);
    writer.element(Provision.Status, String(status));
    if (policyKey !== undefined) writer.element(Provision.PolicyKey, policyKey);
    if (document) {
      writer.open(Provision.Data);
      writePolicy(writer, document);
      writer.close();
    }
    return { kind: 'wbxml', body: writer.close().close().close().finish() };
  }
}
