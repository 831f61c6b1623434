import { createLocalBackend } from '../../src/bottles/local/local-backend.ts';
import { describeBackend } from '../contracts/backend.ts';

describeBackend(createLocalBackend);
