import { execFileSync } from 'node:child_process';
import pg from 'pg';
import { Stage, each, range } from './stage.ts';
import { fleet } from './scenarios/fleet.ts';
import { sync } from '../eas-client/commands/sync.ts';
import { contact } from './items.ts';
import { ServerProcess } from '../server-process.ts';
// first start writes settings, second has them
const os = await import('node:os'); const path = await import('node:path'); const fs = await import('node:fs/promises');
const stage = await Stage.open({ users: 100, office: false, exactRows: false, profileDir: process.env.PROF, keep: false } as never);
const phones = await fleet(stage, 100, 'BUSY');
const pool = stage.pool;
const snap = async () => (await pool.query("select xact_commit, tup_fetched, tup_returned, tup_inserted+tup_updated+tup_deleted as w from pg_stat_database where datname = current_database()")).rows[0];
const cpu = async () => { const rd = async (pid: number) => { const s = (await fs.readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' '); return (Number(s[11]) + Number(s[12])) * 10; };
  const kids = execFileSync('pgrep', ['-P', String(stage.postmasterPid)]).toString().trim().split('\n').map(Number);
  let pgc = 0; for (const k of kids) pgc += await rd(k).catch(() => 0); return { node: await rd((stage.server as any).pid), pg: pgc }; };
const run = async (label: string, f: () => Promise<number>) => { const a = await cpu(), s = await snap(), t = Date.now(); const n = await f(); const b = await cpu(); await new Promise(r=>setTimeout(r,1200)); const s2 = await snap();
  console.log(label, 'n', n, 'node ms', ((b.node - a.node) / n).toFixed(3), 'pg ms', ((b.pg - a.pg) / n).toFixed(3), 'xacts', ((s2.xact_commit - s.xact_commit) / n).toFixed(2), 'wall s', (Date.now() - t - 1200) / 1000); };
const send = async (phone: any, command: any) => { const [id] = phone.folders('contact'); const folder = phone.folder(id); const a = await sync(phone.client, { collections: [{ id, key: folder.key, getChanges: true, windowSize: 100, commands: command ? [command] : [] }] }); if (a.collections[0]) folder.key = a.collections[0].key; };
for (let k = 0; k < 2; k++) {
await run('nochange', async () => { let n = 0; await each(phones, 16, async (p) => { for (const r of range(20)) { await send(p, undefined); n++; } }); return n; });
await run('add16', async () => { let n = 0; await each(phones, 16, async (p) => { for (const r of range(20)) { await send(p, { do: 'add', clientId: p.nextClientId(), data: contact(r) }); n++; } }); return n; });
await run('add1', async () => { let n = 0; await each(phones.slice(0,20), 1, async (p) => { for (const r of range(20)) { await send(p, { do: 'add', clientId: p.nextClientId(), data: contact(r) }); n++; } }); return n; });
}
await stage.close();
