/** What nodes tell each other of a page that one of them projected, as the text of a message. */
import type { Position, TenantId } from '../../domain/shared/ids.ts';
import type { Projection, Touched } from './projection.ts';

export interface ProjectedNews {
  readonly tenant: TenantId;
  /** Rows of all read models are written from after `from` up to `position`. */
  readonly from: Position;
  readonly position: Position;
  /** Which read models, in which versions: see `modelsOf`. */
  readonly models: string;
  /** What the page touched; undefined: it may be anything. */
  readonly touched: Touched | undefined;
}

/** A message is to hold fewer bytes than this. */
const textMax = 6_500;

/** Names the read models of a program: those of another may write fewer or other rows for the same events. */
export function modelsOf(projections: readonly Pick<Projection, 'name' | 'version'>[]): string {
  return projections
    .map(({ name, version }) => `${name} ${version}`)
    .sort()
    .join();
}

export function newsText({ touched, ...news }: ProjectedNews): string {
  const whole = JSON.stringify({ ...news, touched: touched && [...touched] });
  return Buffer.byteLength(whole) < textMax ? whole : JSON.stringify(news);
}

/** Undefined for what is no such message. */
export function parseNews(text: string): ProjectedNews | undefined {
  try {
    const { tenant, from, position, models, touched } = JSON.parse(text);
    if (typeof tenant !== 'string' || !Number.isSafeInteger(from) || !Number.isSafeInteger(position)) return undefined;
    if (typeof models !== 'string') return undefined;
    const news = { tenant: tenant as TenantId, from, position, models };
    return { ...news, touched: Array.isArray(touched) ? new Map(touched) : undefined };
  } catch {
    return undefined;
  }
}
