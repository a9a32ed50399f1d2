// Installs the locked dependencies when they are missing or older than the lockfile, so that a fresh clone needs
// nothing but Node and npm. Runs before anything is installed, hence plain JavaScript without imports from packages.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const stamp = new URL('node_modules/.installed-lock', root);
const lock = readFileSync(new URL('package-lock.json', root), 'utf8');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  console.log('installing dependencies (npm ci) …');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const result = spawnSync(npm, ['ci', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (result.status !== 0) {
    console.error(
      'npm ci failed: see its message above. MobileSync needs the npm registry once, for the first install.',
    );
    process.exit(2);
  }
  writeFileSync(stamp, lock);
}
