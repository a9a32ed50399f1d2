/** Whether an error says that the database is not to be had just now, and the same later will do. */

/** SQLSTATE by class (PostgreSQL's manual, appendix A): connection exceptions, insufficient resources. */
const classes = ['08', '53'];

const states = new Set([
  '25006', // read-only: a standby that was not promoted, or no longer the primary
  '40001',
  '40P01',
  '55P03',
  '57014', // took longer than a statement may
  '57P01',
  '57P02',
  '57P03',
  '57P05',
]);

const socketCodes = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** What the driver says without a code. */
const texts =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|timeout expired|timeout exceeded when trying to connect)/;

/** A server that takes no changes where one is needed that does. */
export class IsStandby extends Error {
  override readonly name = 'IsStandby';
}

/**
 * True for a database that is gone, starts, stops, is out of room or is a standby. What was under way then may have been
 * stored or not.
 */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === 'IsStandby' || error.name === 'TooManyAppends') return true;
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  if (typeof code === 'string') {
    if (states.has(code) || socketCodes.has(code)) return true;
    // A socket in the file system that nobody has made yet.
    if (code === 'ENOENT') return syscall === 'connect';
    if (code.length === 5 && classes.includes(code.slice(0, 2))) return true;
  }
  return (
    texts.test(error.message) || isAway(error.cause) || (error instanceof AggregateError && error.errors.some(isAway))
  );
}
