/** `npm run phone`: a phone on the command line. */
import { runPhone } from '../test/eas-client/cli/run.ts';

process.exitCode = await runPhone(process.argv.slice(2), { print: console.log, complain: console.error });
