/**
 * Text as it counts when two items are compared: people, phones and the office write the same name with and without
 * capitals, diacritics, punctuation and Norwegian letters.
 */

/** Letters that Unicode does not take apart, in the way they are written where they are missing. */
const letters: Readonly<Record<string, string>> = {
  æ: 'ae',
  ä: 'ae',
  ø: 'o',
  œ: 'oe',
  ß: 'ss',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ł: 'l',
  ı: 'i',
};

/**
 * Lower case, NFKD without marks, letters and digits only, single spaces. `å` and `aa`, `ø` and `oe` and `o`, `æ` and
 * `ae` come out alike. Text without a letter or digit stays as it is, so that it still says something.
 */
export function normalText(text: string): string {
  const plain = text
    .normalize('NFC')
    .toLowerCase()
    .replaceAll(/[æäøœßđðþłı]/g, (letter) => letters[letter] as string)
    .normalize('NFKD')
    .replaceAll(/\p{M}+/gu, '')
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .replaceAll('aa', 'a')
    .replaceAll('oe', 'o')
    .trim();
  return plain === '' ? text.trim() : plain;
}

/** The words of a text, normalised. An apostrophe or a full stop inside of a word does not part it. */
export function words(text: string | undefined): string[] {
  if (text === undefined) return [];
  const normal = normalText(text.replaceAll(/['’.]/g, (mark) => (mark === '.' ? ' ' : '')));
  return normal === '' ? [] : normal.split(' ');
}

/**
 * A normalised name by its sound: Christian and Kristian, Thor and Tor, Ohlsen and Olsen, Hanssen and Hansen come out
 * alike; Kari and Kåre, Martin and Marvin do not.
 */
export function bySound(word: string): string {
  return word
    .replaceAll(/^ch|ch/g, 'k')
    .replaceAll('ck', 'k')
    .replaceAll(/c(?=[eiy])/g, 's')
    .replaceAll('c', 'k')
    .replaceAll('ph', 'f')
    .replaceAll('th', 't')
    .replaceAll('dt', 't')
    .replaceAll('w', 'v')
    .replaceAll('z', 's')
    .replaceAll('x', 'ks')
    .replaceAll('q', 'k')
    .replaceAll('y', 'i')
    .replaceAll(/(?<=[aeiou])h(?![aeiou])/g, '')
    .replaceAll(/(.)\1+/g, '$1');
}

/** Two neighbouring letters changed places, as fingers do. */
export function isTransposed(a: string, b: string): boolean {
  if (a.length !== b.length || a === b) return false;
  let at = 0;
  while (a[at] === b[at]) at++;
  return a[at] === b[at + 1] && a[at + 1] === b[at] && a.slice(at + 2) === b.slice(at + 2);
}

/** The bare address of `kari@demo.example` or `"Kari" <kari@demo.example>`, in lower case; '' where there is none. */
export function normalMail(text: string | undefined): string {
  if (text === undefined) return '';
  const address = /<([^<>]*)>\s*$/.exec(text)?.[1] ?? text;
  return address
    .trim()
    .replace(/^mailto:/i, '')
    .normalize('NFC')
    .toLowerCase();
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: ' ' };

/** The words of a body. HTML loses its tags; what is not text (RTF, bodies laid aside) is taken as it stands. */
export function bodyText(body: unknown): string {
  if (typeof body !== 'object' || body === null) return '';
  const { type, content, blob } = body as { type?: string; content?: string; blob?: string };
  if (content === undefined) return blob ?? '';
  if (type !== 'html') return normalText(content);
  const text = content
    .replaceAll(/<(style|script)\b[^>]*>[^<]*<\/\1>/gi, ' ')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/&(amp|lt|gt|quot|nbsp);/g, (_, name: string) => entities[name] as string)
    .replaceAll(/&#(\d{1,7});/g, (_, code: string) => character(Number(code)));
  return normalText(text);
}

function character(code: number): string {
  return code > 0 && code <= 0x10_ffff ? String.fromCodePoint(code) : ' ';
}
