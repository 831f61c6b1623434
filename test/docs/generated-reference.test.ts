import { expect, test } from 'vitest';
import { generatePage, referencePages } from '../../tools/reference.ts';

test.each(referencePages)(
  'docs/reference/%s says what the code does: `npm run reference` writes it',
  async (page) => {
    const { written, generated } = await generatePage(page);
    expect(written).toEqual(generated);
  },
);
