/** The rules an account can ask of its devices, as the document phones read (MS-ASPROV 2.2.2.28 EASProvisionDoc). */
import type { PolicyName } from '../../../../domain/account/events.ts';
import { Provision } from '../../wbxml/code-pages/index.ts';
import type { Tag } from '../../wbxml/element.ts';
import type { WbxmlWriter } from '../../wbxml/writer.port.ts';

type Rule = readonly [tag: Tag, value: string | number];

interface Demands {
  /** Digits or letters of the password, at least. */
  readonly passwordLength: number;
  readonly allowSimplePassword: boolean;
  readonly alphanumeric: boolean;
  /** Kinds of characters, 1 to 4; counts with `alphanumeric`. */
  readonly complexCharacters: number;
  readonly lockAfterSeconds: number;
  readonly failedAttempts: number;
  readonly history: number;
  readonly deviceEncryption: boolean;
}

const demands: Readonly<Record<Exclude<PolicyName, 'none'>, Demands>> = {
  standard: {
    passwordLength: 4,
    allowSimplePassword: true,
    alphanumeric: false,
    complexCharacters: 1,
    lockAfterSeconds: 900,
    failedAttempts: 16,
    history: 0,
    deviceEncryption: false,
  },
  strict: {
    passwordLength: 6,
    allowSimplePassword: false,
    alphanumeric: false,
    complexCharacters: 2,
    lockAfterSeconds: 300,
    failedAttempts: 8,
    history: 5,
    deviceEncryption: true,
  },
};

const flag = (value: boolean): number => (value ? 1 : 0);

/** In the order of the schema. What MobileSync does not care about is allowed. */
function rules(asked: Demands): Rule[] {
  return [
    [Provision.DevicePasswordEnabled, 1],
    [Provision.AlphanumericDevicePasswordRequired, flag(asked.alphanumeric)],
    [Provision.PasswordRecoveryEnabled, 0],
    [Provision.RequireStorageCardEncryption, flag(asked.deviceEncryption)],
    [Provision.AttachmentsEnabled, 1],
    [Provision.MinDevicePasswordLength, asked.passwordLength],
    [Provision.MaxInactivityTimeDeviceLock, asked.lockAfterSeconds],
    [Provision.MaxDevicePasswordFailedAttempts, asked.failedAttempts],
    [Provision.MaxAttachmentSize, ''],
    [Provision.AllowSimpleDevicePassword, flag(asked.allowSimplePassword)],
    [Provision.DevicePasswordExpiration, ''],
    [Provision.DevicePasswordHistory, asked.history],
    [Provision.AllowStorageCard, 1],
    [Provision.AllowCamera, 1],
    [Provision.RequireDeviceEncryption, flag(asked.deviceEncryption)],
    [Provision.AllowUnsignedApplications, 1],
    [Provision.AllowUnsignedInstallationPackages, 1],
    [Provision.MinDevicePasswordComplexCharacters, asked.complexCharacters],
    [Provision.AllowWiFi, 1],
    [Provision.AllowTextMessaging, 1],
    [Provision.AllowPOPIMAPEmail, 1],
    [Provision.AllowBluetooth, 2],
    [Provision.AllowIrDA, 1],
    [Provision.RequireManualSyncWhenRoaming, 0],
    [Provision.AllowDesktopSync, 1],
    [Provision.MaxCalendarAgeFilter, 0],
    [Provision.AllowHTMLEmail, 1],
    [Provision.MaxEmailAgeFilter, 0],
    [Provision.MaxEmailBodyTruncationSize, -1],
    [Provision.MaxEmailHTMLBodyTruncationSize, -1],
    [Provision.RequireSignedSMIMEMessages, 0],
    [Provision.RequireEncryptedSMIMEMessages, 0],
    [Provision.RequireSignedSMIMEAlgorithm, 0],
    [Provision.RequireEncryptionSMIMEAlgorithm, 0],
    [Provision.AllowSMIMEEncryptionAlgorithmNegotiation, 2],
    [Provision.AllowSMIMESoftCerts, 1],
    [Provision.AllowBrowser, 1],
    [Provision.AllowConsumerEmail, 1],
    [Provision.AllowRemoteDesktop, 1],
    [Provision.AllowInternetSharing, 1],
  ];
}

/** Writes `EASProvisionDoc`. It holds the same for all versions from 12.1 on, which know every one of its elements. */
export function writePolicy(writer: WbxmlWriter, policy: Exclude<PolicyName, 'none'>): void {
  writer.open(Provision.EASProvisionDoc);
  for (const [tag, value] of rules(demands[policy])) writer.element(tag, String(value));
  writer.close();
}
