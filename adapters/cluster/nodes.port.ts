/** The nodes of an installation, as operators see them. */
export interface NodeStanding {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** When it counts as dead unless it says something again. */
  readonly expiresInMs: number;
  /** False for one that leaves the work to newer programs. */
  readonly isWorking: boolean;
  /** How many tenants it works for, and since when for the latest of them, in ISO 8601. */
  readonly tenants: number;
  readonly lastGainedAt: string | null;
  /** The node that answers. */
  readonly isThis: boolean;
}

export interface NodeList {
  /** Those that live, the oldest first. */
  list(): Promise<NodeStanding[]>;
  /** Without asking anybody: living nodes with this one, and tenants that are this one's. */
  counts(): { readonly nodes: number; readonly tenants: number };
}
