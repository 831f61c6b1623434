import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { problems } from '../problem.ts';
import type { ServerParts } from '../server.ts';
import { viewWebhookReceipt, webhookReceiptView } from '../views/webhook-receipt.ts';

export const webhookReceiptRoutes: FastifyPluginAsyncZod<ServerParts> = async (
  server,
  { receipts },
) => {
  server.get(
    '/webhook-receipts',
    {
      schema: {
        tags: ['Deliveries'],
        operationId: 'listWebhookReceipts',
        summary: 'The last webhook requests since the start, refused ones too, the newest first',
        description:
          'What is accepted or ignored is stored as a delivery; of what is refused (a bad signature, say) this is the only record. At most 200 of each are kept.',
        querystring: z.strictObject({
          test: z.string().max(100).optional().meta({
            description: 'Only those whose URL had this query parameter `test`.',
          }),
        }),
        response: {
          200: z.object({ receipts: z.array(webhookReceiptView) }),
          ...problems(400, 401, 429),
        },
      },
    },
    async ({ query: { test } }) => ({
      receipts: receipts.list(test === undefined ? {} : { test }).map(viewWebhookReceipt),
    }),
  );
};
