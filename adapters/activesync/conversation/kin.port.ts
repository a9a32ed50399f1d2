import type { DeviceKey } from '../../../domain/shared/ids.ts';
import type { Session } from '../session.ts';

/** Devices of one person that may be one and the same. */
export interface Kin {
  /** Those that this one may have been: of the same person and sort, the latest first, at most a few. */
  formerSelves(session: Session): Promise<readonly DeviceKey[]>;
  /** The device came with a key of the other. */
  succeed(session: Session, former: DeviceKey): Promise<void>;
}
