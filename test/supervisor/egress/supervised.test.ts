import { expect, test } from 'vitest';
import { HostFixture } from '../../bottles/host-fixture.ts';

test('an agent is told which host it may not reach and how to allow it, and has no other way', async () => {
  await using fixture = await HostFixture.make();
  const request = fixture.request(
    `curl -sS http://other.example/
    curl -sS https://other.example/
    curl -sS --noproxy '*' --max-time 5 http://192.0.2.1/ || echo "no other way: $?"`,
    { egress: ['ok.example'] },
  );
  const end = await fixture.run(request);
  const output = await fixture.output(request);
  expect(output).toContain('bot-bottle: this bottle may not reach other.example:80.');
  expect(output).toContain('`egress: ["other.example:80"]` in the bottle\'s manifest');
  expect(output).toMatch(/CONNECT tunnel failed, response 403|HTTP code 403 from proxy/);
  expect(output).toMatch(/no other way: \d+/);
  expect(end.egress).toEqual({
    allowed: [],
    refused: [{ host: 'other.example', count: 2 }],
  });
});
