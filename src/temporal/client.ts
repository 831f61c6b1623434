import { Client, type Connection } from '@temporalio/client';

/** A client whose queries are answered by open workflows only: a closed one would answer too, from its history. */
export function createClient(connection: Connection, namespace: string): Client {
  return new Client({ connection, namespace, workflow: { queryRejectCondition: 'NOT_OPEN' } });
}
