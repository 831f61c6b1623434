import { expect, test } from 'vitest';
import { HostFixture } from '../../bottles/host-fixture.ts';

test('an agent in a bottle uses the tools at the door’s address and through the forge command', async () => {
  await using fixture = await HostFixture.make();
  const call = (name: string, named: object, id: number): string =>
    JSON.stringify({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name, arguments: named },
    });
  const overHttp = `
    const answer = await fetch('http://127.0.0.1:3128/mcp', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: process.argv[1],
    });
    console.log(answer.status, await answer.text());`;
  const request = fixture.request(
    '/opt/bottle/bin/node --input-type=module --eval "$OVER_HTTP" "$POST_COMMENT"; echo "$SIGNAL_DONE" | forge mcp; sleep 1000',
    {
      environment: {
        OVER_HTTP: overHttp,
        POST_COMMENT: call('post_comment', { number: 2, body: 'Mine now.' }, 1),
        SIGNAL_DONE: call('signal_done', { status: 'success', summary: 'Done.' }, 2),
      },
    },
  );

  expect(await fixture.run(request)).toMatchObject({
    outcome: 'done',
    done: { status: 'success', summary: 'Done.' },
  });
  const [first, second] = (await fixture.output(request)).split('\n');
  expect(first).toMatch(/^200 .*"isError":true/);
  expect(JSON.parse(second ?? '')).toMatchObject({ id: 2, result: { structuredContent: {} } });
}, 60_000);
