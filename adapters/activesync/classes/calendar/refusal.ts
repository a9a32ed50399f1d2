/** Why a command cannot be done; its Sync Status is 6: an error in the conversion of the item (MS-ASCMD 2.2.3.177.17). */
export class Refusal {
  readonly kind = 'refused';
  readonly status = 6;
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}
