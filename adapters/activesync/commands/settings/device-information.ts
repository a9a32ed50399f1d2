import type { DeviceInformation } from '../../../../domain/device/events.ts';
import { Settings } from '../../wbxml/code-pages/index.ts';
import { child, type Element, textOf } from '../../wbxml/element.ts';

const valueMax = 256;

/** `DeviceInformation` with `Set` in it (MS-ASCMD 2.2.3.45); undefined when it sets nothing. Long values are cut. */
export function parseDeviceInformation(element: Element): DeviceInformation | undefined {
  const set = child(element, Settings.Set);
  if (!set) return undefined;
  const value = (tag: number): string | undefined => textOf(set, tag)?.trim().slice(0, valueMax) || undefined;
  const outboundSms = value(Settings.EnableOutboundSMS);
  return withoutAbsent({
    model: value(Settings.Model),
    friendlyName: value(Settings.FriendlyName),
    os: value(Settings.OS),
    osLanguage: value(Settings.OSLanguage),
    phoneNumber: value(Settings.PhoneNumber),
    mobileOperator: value(Settings.MobileOperator),
    imei: value(Settings.IMEI),
    userAgent: value(Settings.UserAgent),
    enableOutboundSms: outboundSms === undefined ? undefined : outboundSms === '1',
  });
}

function withoutAbsent(information: DeviceInformation): DeviceInformation {
  return Object.fromEntries(Object.entries(information).filter(([, value]) => value !== undefined));
}
