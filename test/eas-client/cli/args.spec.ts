import { describe, expect, it } from 'vitest';
import { parsePhoneArgs, UsageError } from './args.ts';

const kari = ['--user', 'kari@demo.example'];

describe('the command line of the phone', () => {
  it('syncs without a command, as a new phone of the demo at the usual address', () => {
    expect(parsePhoneArgs(kari)).toMatchObject({
      action: { do: 'sync' },
      url: 'http://127.0.0.1:8080',
      password: 'demo',
      version: undefined,
      query: 'plain',
      trace: false,
      zone: 'Europe/Oslo',
    });
  });

  it('keeps each device of each person in a file of its own, whose name holds no path', () => {
    const file = (...argv: string[]) => parsePhoneArgs(argv).stateFile;
    expect(file('--user', 'Kari@demo.example')).toMatch(/\.data\/phone\/kari@demo\.example-PHONE1\.json$/);
    expect(file(...kari, '--device', 'B2')).toMatch(/kari@demo\.example-B2\.json$/);
    expect(file('--user', 'DEMO\\..\\/kari')).toMatch(/phone\/demo_\.\.__kari-PHONE1\.json$/);
  });

  it.for([
    [['list', 'contacts'], { do: 'list', folder: 'contacts' }],
    [['show', 'abc'], { do: 'show', item: 'abc' }],
    [['add', 'event', 'subject=a b', 'start=x'], { do: 'add', kind: 'appointment', words: ['subject=a b', 'start=x'] }],
    [['change', 'abc', 'last=Å'], { do: 'change', item: 'abc', words: ['last=Å'] }],
    [['delete', 'abc'], { do: 'delete', item: 'abc' }],
    [['wait', '--seconds', '5'], { do: 'wait' }],
    [['reset'], { do: 'reset' }],
  ] as const)('understands %s', ([words, action]) => {
    expect(parsePhoneArgs([...kari, ...words]).action).toEqual(action);
  });

  it('needs nobody for --help', () => {
    expect(parsePhoneArgs(['--help']).action).toEqual({ do: 'help' });
  });

  it.for([
    [[], '--user is missing'],
    [[...kari, 'dance'], 'there is no command "dance"'],
    [[...kari, 'add', 'mail', 'a=b'], 'add needs what'],
    [[...kari, 'add', 'contact'], 'add needs fields'],
    [[...kari, 'change', 'abc'], 'change needs fields'],
    [[...kari, 'show'], 'show needs a ServerId'],
    [[...kari, 'sync', 'all'], 'sync takes no "all"'],
    [[...kari, '--version', '2.5'], '--version must be one of 12.1, 14.0, 14.1, 16.0, 16.1'],
    [[...kari, '--url', 'ftp://x'], '--url must be'],
    [[...kari, '--query', 'xml'], '--query must be'],
    [[...kari, '--window', '513'], '--window must be a whole number from 1 to 512'],
    [[...kari, '--seconds', 'x'], '--seconds must be'],
    [[...kari, '--device', 'æ'], '--device has'],
    [[...kari, '--zone', 'Mars/Base'], '--zone Mars/Base is no time zone'],
    [[...kari, '--colour'], '--colour'],
  ] as const)('says what is wrong with %s', ([argv, message]) => {
    expect(() => parsePhoneArgs(argv)).toThrow(UsageError);
    expect(() => parsePhoneArgs(argv)).toThrow(message);
  });
});
