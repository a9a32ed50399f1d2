/**
 * Search: MS-ASCMD 2.2.1.16. There is no directory and no mailbox to search yet, so both are searched and found empty,
 * which clients take better than a refusal; other stores are unknown.
 */
import { statusAnswer } from '../../http/command-status.ts';
import type { CommandHandler } from '../../request.ts';
import { searchStatus } from '../../status.ts';
import { Search } from '../../wbxml/code-pages/index.ts';
import { child, textOf } from '../../wbxml/element.ts';
import { Writer } from '../../wbxml/writer.ts';

const searched = new Set(['gal', 'mailbox']);

export function searchHandler(): CommandHandler {
  return async ({ root }) => {
    const store = root?.tag === Search.Search ? child(root, Search.Store) : undefined;
    const name = store && textOf(store, Search.Name)?.trim().toLowerCase();
    if (!name) return statusAnswer('Search', searchStatus.invalidRequest);
    const writer = new Writer();
    writer.open(Search.Search).element(Search.Status, String(searchStatus.success));
    writer.open(Search.Response).open(Search.Store);
    if (searched.has(name)) {
      // Android looks for Range and Total also where nothing was found.
      writer.element(Search.Status, String(searchStatus.success)).empty(Search.Result);
      writer.element(Search.Range, '0-0').element(Search.Total, '0');
    } else writer.element(Search.Status, String(searchStatus.invalidRequest));
    return { kind: 'wbxml', body: writer.close().close().close().finish() };
  };
}
