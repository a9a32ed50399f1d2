/**
 * The TimeZone structure (MS-ASDTYPE 2.7.6): a Windows TIME_ZONE_INFORMATION of 172 bytes, little-endian, in base64.
 */

/** SYSTEMTIME as a yearly rule (year 0) or, with a year, as a single date. `month` 0: no such change. */
export interface TransitionRule {
  readonly year: number;
  /** 1 to 12; 0 when the zone has no summer time. */
  readonly month: number;
  /** 0 is Sunday. */
  readonly dayOfWeek: number;
  /** Which of those weekdays of the month, 5 for the last; with a year, the day of the month. */
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly milliseconds: number;
}

/** Biases in minutes; UTC = local time + bias + standardBias (or daylightBias). */
export interface ZoneRules {
  readonly bias: number;
  /** When standard time begins, on the wall clock of summer time. */
  readonly standardDate: TransitionRule;
  readonly standardBias: number;
  /** When summer time begins, on the wall clock of standard time. */
  readonly daylightDate: TransitionRule;
  readonly daylightBias: number;
}

export interface TimeZoneInformation extends ZoneRules {
  readonly standardName: string;
  readonly daylightName: string;
}

export const noTransition: TransitionRule = {
  year: 0,
  month: 0,
  dayOfWeek: 0,
  day: 0,
  hour: 0,
  minute: 0,
  second: 0,
  milliseconds: 0,
};

const sizeBytes = 172;
/** 31 characters and a terminating zero. */
const nameLengthMax = 31;
const biasMinutesMax = 26 * 60;

/** Undefined when the text is no such structure: not base64, too short, or with values no zone can have. */
export function decodeTimeZone(base64: string): TimeZoneInformation | undefined {
  // A structure in base64 has 232 characters; line breaks are tolerated, megabytes are not looked at.
  if (base64.length > 1024 || !/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(base64)) return undefined;
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length < sizeBytes) return undefined;
  const information: TimeZoneInformation = {
    bias: bytes.readInt32LE(0),
    standardName: readName(bytes, 4),
    standardDate: readRule(bytes, 68),
    standardBias: bytes.readInt32LE(84),
    daylightName: readName(bytes, 88),
    daylightDate: readRule(bytes, 152),
    daylightBias: bytes.readInt32LE(168),
  };
  return isPossible(information) ? information : undefined;
}

export function encodeTimeZone(information: TimeZoneInformation): string {
  const bytes = Buffer.alloc(sizeBytes);
  bytes.writeInt32LE(information.bias, 0);
  bytes.write(information.standardName.slice(0, nameLengthMax), 4, 'utf16le');
  writeRule(bytes, 68, information.standardDate);
  bytes.writeInt32LE(information.standardBias, 84);
  bytes.write(information.daylightName.slice(0, nameLengthMax), 88, 'utf16le');
  writeRule(bytes, 152, information.daylightDate);
  bytes.writeInt32LE(information.daylightBias, 168);
  return bytes.toString('base64');
}

/** Nothing at all is said: what devices that know only UTC send. */
export function isBlank(information: TimeZoneInformation): boolean {
  return (
    information.bias === 0 &&
    information.standardName === '' &&
    information.daylightName === '' &&
    !hasSummerTime(information) &&
    information.standardBias === 0
  );
}

export function hasSummerTime(information: ZoneRules): boolean {
  return (
    information.standardDate.month > 0 &&
    information.daylightDate.month > 0 &&
    information.daylightBias !== information.standardBias
  );
}

function isPossible({ bias, standardBias, daylightBias, standardDate, daylightDate }: ZoneRules): boolean {
  return (
    Math.abs(bias) <= biasMinutesMax &&
    Math.abs(standardBias) <= biasMinutesMax &&
    Math.abs(daylightBias) <= biasMinutesMax &&
    isPossibleRule(standardDate) &&
    isPossibleRule(daylightDate)
  );
}

function isPossibleRule({ month, dayOfWeek, day, hour, minute, second }: TransitionRule): boolean {
  return (
    month === 0 ||
    (month <= 12 && dayOfWeek <= 6 && day >= 1 && day <= 31 && hour <= 24 && minute <= 59 && second <= 59)
  );
}

function readName(bytes: Buffer, offset: number): string {
  const name = bytes.toString('utf16le', offset, offset + 64);
  const end = name.indexOf('\0');
  return (end < 0 ? name : name.slice(0, end)).trim();
}

function readRule(bytes: Buffer, offset: number): TransitionRule {
  return {
    year: bytes.readUInt16LE(offset),
    month: bytes.readUInt16LE(offset + 2),
    dayOfWeek: bytes.readUInt16LE(offset + 4),
    day: bytes.readUInt16LE(offset + 6),
    hour: bytes.readUInt16LE(offset + 8),
    minute: bytes.readUInt16LE(offset + 10),
    second: bytes.readUInt16LE(offset + 12),
    milliseconds: bytes.readUInt16LE(offset + 14),
  };
}

function writeRule(bytes: Buffer, offset: number, rule: TransitionRule): void {
  bytes.writeUInt16LE(rule.year, offset);
  bytes.writeUInt16LE(rule.month, offset + 2);
  bytes.writeUInt16LE(rule.dayOfWeek, offset + 4);
  bytes.writeUInt16LE(rule.day, offset + 6);
  bytes.writeUInt16LE(rule.hour, offset + 8);
  bytes.writeUInt16LE(rule.minute, offset + 10);
  bytes.writeUInt16LE(rule.second, offset + 12);
  bytes.writeUInt16LE(rule.milliseconds, offset + 14);
}
