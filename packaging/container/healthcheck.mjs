// Whether the orchestrator is ready. What it says of that is kept by the Engine, for `docker inspect`.
import { writeSync } from 'node:fs';

const address = `http://127.0.0.1:${process.env.FORGE_WEBHOOK_PORT}/readyz`;
const answer = await fetch(address).catch((error) => new Response(String(error), { status: 503 }));
writeSync(1, await answer.text());
process.exit(answer.ok ? 0 : 1);
