/** Settings: MS-ASCMD 2.2.1.18. Properties are answered in the order in which they were asked. */
import type { Account } from '../../../../domain/account/state.ts';
import type { ActiveSyncDeps } from '../../deps.ts';
import { statusAnswer } from '../../http/command-status.ts';
import { isStateless } from '../../http/stateless.ts';
import type { CommandHandler } from '../../request.ts';
import { actorOf, type Session } from '../../session.ts';
import { settingsStatus } from '../../status.ts';
import { Settings } from '../../wbxml/code-pages/index.ts';
import { child, type Element, type Tag } from '../../wbxml/element.ts';
import { Writer } from '../../wbxml/writer.ts';
import { parseDeviceInformation } from './device-information.ts';

export type SettingsDeps = Pick<ActiveSyncDeps, 'people' | 'devices'>;

export function settingsHandler(deps: SettingsDeps): CommandHandler {
  return async ({ session, root }) => {
    if (root?.tag !== Settings.Settings) return statusAnswer('Settings', settingsStatus.protocolError);
    const writer = new Writer();
    writer.open(Settings.Settings).element(Settings.Status, String(settingsStatus.success));
    const answered = new Set<Tag>();
    for (const property of root.children) {
      if (answered.has(property.tag)) continue;
      answered.add(property.tag);
      await answer(deps, session, property, writer);
    }
    return { kind: 'wbxml', body: writer.close().finish() };
  };
}

async function answer(deps: SettingsDeps, session: Session, property: Element, writer: Writer): Promise<void> {
  switch (property.tag) {
    case Settings.DeviceInformation:
      return status(writer, property.tag, await inform(deps, session, property));
    case Settings.UserInformation: {
      const person = await deps.people.person(session.tenant, session.account);
      if (!person || !child(property, Settings.Get)) return status(writer, property.tag, settingsStatus.protocolError);
      return userInformation(writer, session, person.account);
    }
    case Settings.Oof:
      return oof(writer, property);
    case Settings.DevicePassword:
      // Nothing here can keep a device's password.
      return status(writer, property.tag, settingsStatus.deniedByPolicy);
    case Settings.RightsManagementInformation:
      return status(writer, property.tag, settingsStatus.accessDenied);
    default:
      return undefined;
  }
}

async function inform(deps: SettingsDeps, session: Session, property: Element): Promise<number> {
  const information = parseDeviceInformation(property);
  if (!information) return settingsStatus.protocolError;
  if (isStateless(session)) return settingsStatus.success;
  const { tenant, account, device } = session;
  const result = await deps.devices.run(tenant, account, device, { type: 'inform', information }, actorOf(session));
  return result.outcome === 'accepted' ? settingsStatus.success : settingsStatus.accessDenied;
}

/** Up to 14.0 the addresses stand in `Get` itself, from 14.1 in an account (MS-ASCMD 2.2.3.191). */
function userInformation(writer: Writer, session: Session, account: Account): void {
  writer.open(Settings.UserInformation).element(Settings.Status, String(settingsStatus.success)).open(Settings.Get);
  if (session.version >= 141) {
    writer.open(Settings.Accounts).open(Settings.Account);
    if (account.displayName) writer.element(Settings.UserDisplayName, account.displayName);
  }
  writer.open(Settings.EmailAddresses);
  for (const address of [account.email, ...account.aliases]) {
    if (address.includes('@')) writer.element(Settings.SMTPAddress, address);
  }
  if (session.version >= 141) writer.element(Settings.PrimarySmtpAddress, account.email);
  writer.close();
  if (session.version >= 141) writer.close().close();
  writer.close().close();
}

/** Absence is not kept here: it is off, and cannot be set. */
function oof(writer: Writer, property: Element): void {
  if (!child(property, Settings.Get)) {
    status(writer, property.tag, settingsStatus.accessDenied);
    return;
  }
  writer.open(Settings.Oof).element(Settings.Status, String(settingsStatus.success));
  writer.open(Settings.Get).element(Settings.OofState, '0').close().close();
}

function status(writer: Writer, tag: Tag, code: number): void {
  writer.open(tag).element(Settings.Status, String(code)).close();
}
