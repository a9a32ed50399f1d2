import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SaxesParser } from 'saxes';
import type { Element, Tag } from './element.ts';

/** A foreign WBXML implementation that tests compare ours with, and the Debian package it comes in. */
export interface Oracle {
  readonly commands: readonly string[];
  readonly debianPackage: string;
}

export const libwbxml: Oracle = { commands: ['wbxml2xml', 'xml2wbxml'], debianPackage: 'libwbxml2-utils' };
export const tshark: Oracle = { commands: ['tshark', 'text2pcap'], debianPackage: 'tshark' };

export function isInstalled(oracle: Oracle): boolean {
  return oracle.commands.every((command) => {
    try {
      execFileSync('sh', ['-c', 'command -v "$0"', command], { stdio: 'ignore' });
      return true;
    } catch (notFound) {
      if (notFound instanceof Error && 'status' in notFound) return false;
      throw notFound;
    }
  });
}

/** `0.11.8`, from its banner. */
export function libwbxmlVersion(): string {
  return versionIn(run('sh', ['-c', 'wbxml2xml -h 2>&1 || true']), /libwbxml ([\d.]+)/);
}

/** `4.0.17`, from its banner. */
export function tsharkVersion(): string {
  return versionIn(run('tshark', ['--version']), /(\d+\.\d+\.\d+)/);
}

/** An element as libwbxml names it. */
export interface NamedElement {
  readonly namespace: string;
  readonly name: string;
  readonly text: string;
  readonly children: NamedElement[];
}

/** Decodes with wbxml2xml and its ActiveSync tables. */
export function decodeWithLibwbxml(wbxml: Uint8Array): NamedElement {
  return inDirectory((path) => {
    writeFileSync(path('in'), wbxml);
    run('wbxml2xml', ['-m', '0', '-k', '-l', 'ACTIVESYNC', '-o', path('out'), path('in')]);
    return parseNamespaced(readFileSync(path('out'), 'utf8'));
  });
}

/** Encodes with xml2wbxml, with or without a string table. */
export function encodeWithLibwbxml(element: NamedElement, withStringTable: boolean): Buffer {
  return inDirectory((path) => {
    const docType = '<!DOCTYPE ActiveSync PUBLIC "-//MICROSOFT//DTD ActiveSync//EN" "http://www.microsoft.com/">';
    writeFileSync(path('in'), `<?xml version="1.0"?>${docType}${namespacedXml(element)}`);
    run('xml2wbxml', ['-k', ...(withStringTable ? [] : ['-n']), '-o', path('out'), path('in')]);
    return readFileSync(path('out'));
  });
}

/** What tshark reads one after another. */
export type TsharkToken =
  | { readonly kind: 'open' | 'empty'; readonly tag: Tag }
  | { readonly kind: 'end' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'opaque'; readonly length: number };

export interface TsharkReading {
  readonly tokens: readonly TsharkToken[];
  /** What its tables call the tag of each open or empty token, in order; undefined where they have no name. */
  readonly names: readonly (string | undefined)[];
}

/** Decodes documents with tshark, each as the body of an HTTP POST in a capture of its own packet. */
export function decodeWithTshark(documents: readonly Uint8Array[]): TsharkReading[] {
  return inDirectory((path) => {
    writeFileSync(path('dump'), documents.map(hexDumpOfPost).join('\n'));
    run('text2pcap', ['-q', '-T', '40000,80', path('dump'), path('capture')]);
    const tree = run('tshark', ['-r', path('capture'), '-V', '-O', 'wbxml']);
    return tree
      .split(/^WAP Binary XML/m)
      .slice(1)
      .map(readingOfTree);
  });
}

/** The tokens tshark should read from a document we wrote from a tree. */
export function expectedTokens(element: Element): TsharkToken[] {
  const { tag, text, opaque, children } = element;
  if (text === '' && opaque === undefined && children.length === 0) return [{ kind: 'empty', tag }];
  const tokens: TsharkToken[] = [{ kind: 'open', tag }];
  if (text !== '') tokens.push({ kind: 'text', text });
  if (opaque !== undefined) tokens.push({ kind: 'opaque', length: opaque.length });
  return [...tokens, ...children.flatMap(expectedTokens), { kind: 'end' }];
}

function readingOfTree(tree: string): TsharkReading {
  const tokens: TsharkToken[] = [];
  const names: (string | undefined)[] = [];
  for (const line of tree.split('\n')) {
    const [, page, what, rendering] = /^ *\d+ \| Tag +\| T +(\d+) +\| *(.*?) *\| +(.*)$/.exec(line) ?? [];
    if (page === undefined || what === undefined || rendering === undefined) continue;
    const [, id, content] = /^(?:Known )?Tag (0x[0-9A-Fa-f]{2}) +\(\.([C.])\)$/.exec(what) ?? [];
    if (id !== undefined) {
      tokens.push({ kind: content === 'C' ? 'open' : 'empty', tag: (Number(page) << 8) | Number(id) });
      names.push(/^<([\w-]+)/.exec(rendering)?.[1]);
    } else if (what.startsWith('END')) tokens.push({ kind: 'end' });
    else if (what.startsWith('STR_I'))
      tokens.push({ kind: 'text', text: rendering.slice(1, -1).replaceAll('\\r\\n', '\r\n') });
    else if (what.startsWith('OPAQUE'))
      tokens.push({ kind: 'opaque', length: Number.parseInt(rendering.slice(1), 10) });
    else throw new Error(`A line of tshark nobody expected: ${line}`);
  }
  return { tokens, names };
}

function hexDumpOfPost(body: Uint8Array): string {
  const head = [
    'POST /Microsoft-Server-ActiveSync?Cmd=Sync HTTP/1.1',
    'Host: server',
    'Content-Type: application/vnd.ms-sync.wbxml',
    `Content-Length: ${body.length}`,
  ];
  const packet = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
  const lines: string[] = [];
  for (let at = 0; at < packet.length; at += 16) {
    const pairs = packet
      .subarray(at, at + 16)
      .toString('hex')
      .replace(/../g, ' $&');
    lines.push(`${at.toString(16).padStart(6, '0')}${pairs}`);
  }
  return `${lines.join('\n')}\n`;
}

function parseNamespaced(xml: string): NamedElement {
  const parser = new SaxesParser<{ xmlns: true }>({ xmlns: true });
  const open: { namespace: string; name: string; text: string; children: NamedElement[] }[] = [];
  let root: NamedElement | undefined;
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ uri, local }) => {
    open.push({ namespace: uri, name: local, text: '', children: [] });
  });
  parser.on('text', (text) => {
    const inner = open.at(-1);
    if (inner) inner.text += text;
  });
  parser.on('closetag', () => {
    const done = open.pop()!;
    const parent = open.at(-1);
    if (parent) parent.children.push(done);
    else root = done;
  });
  parser.write(xml).close();
  if (!root) throw new Error('No element from wbxml2xml');
  return root;
}

function namespacedXml({ namespace, name, text, children }: NamedElement): string {
  const escaped = text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  return `<${name} xmlns="${namespace}">${escaped}${children.map(namespacedXml).join('')}</${name}>`;
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 64 * 1024 * 1024,
    // Text is compared as UTF-8, whatever the locale of the machine.
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
}

function versionIn(banner: string, pattern: RegExp): string {
  const version = pattern.exec(banner)?.[1];
  if (version === undefined) throw new Error('An oracle did not tell its version');
  return version;
}

function inDirectory<T>(work: (path: (name: string) => string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'wbxml-oracle-'));
  try {
    return work((name) => join(directory, name));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
