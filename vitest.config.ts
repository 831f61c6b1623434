import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    allowOnly: false,
    // Real servers on a shared machine. What failed once is named in the report; what fails twice fails.
    retry: process.env['CI'] === undefined ? 0 : 1,
  },
});
